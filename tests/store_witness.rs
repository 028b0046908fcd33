//! The store of a witness: a file of its own, in which a head only grows.

use sekisho_domain::crypto::Digest;
use sekisho_domain::time::Timestamp;
use sekisho_server::store::db::is_constraint;
use sekisho_server::store::witnessed::{self, Witnessed};

fn head(size: u64, root: u8) -> Witnessed {
    Witnessed {
        size,
        root: Digest([root; 32]),
        note: format!("log.example\n{size}\n…\n"),
    }
}

#[tokio::test]
async fn a_head_is_kept_over_a_restart_and_only_grows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("witness.sqlite");
    let origin = "log.example";
    let hash = Digest::of(&[origin.as_bytes()]).hex();
    for (size, root) in [(5, 1), (9, 2), (9, 2)] {
        // Opened anew each time: the schema is brought up to date more than once.
        let db = witnessed::open(&path).await.unwrap();
        let mut tx = db.write().await.unwrap();
        witnessed::put(&mut tx, origin, &head(size, root), Timestamp(1))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.read().await.unwrap();
        let kept = Some(head(size, root));
        assert_eq!(witnessed::latest(&mut tx, origin).await.unwrap(), kept);
        assert_eq!(
            witnessed::latest_by_hash(&mut tx, &hash).await.unwrap(),
            kept
        );
        assert_eq!(
            witnessed::latest(&mut tx, "other.example").await.unwrap(),
            None
        );
    }
    let db = witnessed::open(&path).await.unwrap();
    for wrong in [head(8, 2), head(9, 3)] {
        let mut tx = db.write().await.unwrap();
        let refused = witnessed::put(&mut tx, origin, &wrong, Timestamp(2))
            .await
            .unwrap_err();
        assert!(is_constraint(&refused, "witnessed_grows"), "{refused}");
    }
}
