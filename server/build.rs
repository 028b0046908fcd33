//! New migration files rebuild the crate: `sqlx::migrate!` embeds them.

fn main() {
    println!("cargo::rerun-if-changed=../migrations/sqlite");
    println!("cargo::rerun-if-changed=../migrations/postgres");
}
