//! Both engines end with the same schema: tables, columns, kinds, nullability, unique indexes, foreign keys, and the belt.

use std::collections::BTreeSet;

use sekisho_server::on;
use sekisho_server::store::Tx;
use sekisho_tests::app::TestApp;

/// What both engines have to agree on, one line a fact.
async fn schema(tx: &mut Tx) -> BTreeSet<String> {
    let facts = match tx {
        Tx::Sqlite(_) => {
            "SELECT 'column ' || t.name || '.' || c.name || ' ' || c.type || CASE WHEN c.\"notnull\" = 1 THEN ' not null' ELSE '' END
               FROM sqlite_schema t JOIN pragma_table_info(t.name) c
              WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> '_sqlx_migrations'
             UNION ALL
             SELECT 'unique ' || t.name || ' (' || (SELECT group_concat(k.name, ', ') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) k) || ')'
                    || CASE WHEN i.partial = 1 THEN ' partial' ELSE '' END
               FROM sqlite_schema t JOIN pragma_index_list(t.name) i
              WHERE t.type = 'table' AND i.\"unique\" = 1 AND t.name <> '_sqlx_migrations'
             UNION ALL
             SELECT 'index ' || i.name || ' on ' || t.name
               FROM sqlite_schema t JOIN pragma_index_list(t.name) i
              WHERE t.type = 'table' AND i.origin = 'c' AND t.name <> '_sqlx_migrations'
             UNION ALL
             SELECT 'reference ' || t.name || '.' || f.\"from\" || ' -> ' || f.\"table\"
               FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) f
              WHERE t.type = 'table'"
        }
        Tx::Postgres(_) => {
            "SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || CASE WHEN is_nullable = 'NO' THEN ' not null' ELSE '' END
               FROM information_schema.columns
              WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'
             UNION ALL
             SELECT 'unique ' || t.relname || ' ('
                    || (SELECT string_agg(a.attname, ', ' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n)
                          JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum)
                    || ')' || CASE WHEN i.indpred IS NOT NULL THEN ' partial' ELSE '' END
               FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
              WHERE n.nspname = 'public' AND i.indisunique AND t.relname <> '_sqlx_migrations'
             UNION ALL
             SELECT 'index ' || c.relname || ' on ' || t.relname
               FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = t.relnamespace
              WHERE n.nspname = 'public' AND t.relname <> '_sqlx_migrations'
                AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
             UNION ALL
             SELECT 'reference ' || t.relname || '.' || a.attname || ' -> ' || r.relname
               FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
               JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.conkey[1]
              WHERE k.contype = 'f'"
        }
    };
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(facts).fetch_all(c).await).unwrap();
    // The kinds of the portable subset have one name each here.
    let same_kind = |line: String| {
        line.replace(" INTEGER", " bigint")
            .replace(" BLOB", " bytea")
            .replace(" TEXT", " text")
    };
    rows.into_iter().map(|(line,)| same_kind(line)).collect()
}

#[tokio::test]
async fn both_engines_have_one_schema() {
    let Some(postgres) = TestApp::postgres().await else {
        return;
    };
    let sqlite = TestApp::sqlite().await;
    let on_sqlite = schema(&mut sqlite.app.db.read().await.unwrap()).await;
    let on_postgres = schema(&mut postgres.app.db.read().await.unwrap()).await;
    assert!(
        on_sqlite.len() > 150,
        "the query found {} facts",
        on_sqlite.len()
    );
    let only_sqlite: Vec<_> = on_sqlite.difference(&on_postgres).collect();
    let only_postgres: Vec<_> = on_postgres.difference(&on_sqlite).collect();
    assert!(
        only_sqlite.is_empty() && only_postgres.is_empty(),
        "only on SQLite: {only_sqlite:#?}\nonly on PostgreSQL: {only_postgres:#?}"
    );
}

#[test]
fn both_engines_have_the_same_migrations() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let names = |engine: &str| -> BTreeSet<String> {
        std::fs::read_dir(root.join(engine))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

/// The belt refuses by itself, under the same names, what the flows refuse under their locks.
#[tokio::test]
async fn the_belt_holds_on_both_engines() {
    for test in TestApp::on_both().await {
        let world = sekisho_tests::world::World::on(&test.app).await;
        let first = world.book(&test.app, 0, 1, 2).await.unwrap();
        for (seat, person, name) in [
            (first.seat, world.boss.id, "allocation_seat_overlap"),
            (world.seats[1].id, first.person, "allocation_person_overlap"),
        ] {
            let mut tx = test.app.db.write().await.unwrap();
            let refused = on!(&mut tx, c => sqlx::query(
                "INSERT INTO allocation (id, booking_id, seat_id, person_id, starts_at, ends_at, state)
                 VALUES ('x', $1, $2, $3, $4, $5, 'held')")
                .bind(first.id.text())
                .bind(seat.text())
                .bind(person.text())
                .bind(first.during.end.0 - 1)
                .bind(first.during.end.0 + 1)
                .execute(c).await.map(|done| done.rows_affected()));
            let error = refused.unwrap_err();
            assert!(
                sekisho_server::store::db::is_constraint(&error, name),
                "{} {error}",
                test.engine()
            );
        }
        let mut tx = test.app.db.write().await.unwrap();
        let deleted = on!(&mut tx, c => sqlx::query("DELETE FROM allocation").execute(c).await.map(|done| done.rows_affected()));
        assert!(
            sekisho_server::store::db::is_constraint(
                &deleted.unwrap_err(),
                "allocation_is_never_deleted"
            ),
            "{}",
            test.engine()
        );
    }
}
