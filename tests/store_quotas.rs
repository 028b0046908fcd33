//! Every store function of limits, plans and their accounts, on both engines and under a foreign scope.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::booking::AllocationState;
use sekisho_domain::booking::quota::{Counts, Kind, Measure, Period, Slot, Terms};
use sekisho_domain::ids::{AccountId, EntryId, PlanId, QuotaId};
use sekisho_server::on;
use sekisho_server::store::plans::{Holder, Plan};
use sekisho_server::store::quota_ledger::{self, Entry};
use sekisho_server::store::quotas::{self, Party, Quota};
use sekisho_server::store::{Scope, allocations, db, locks, plans};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::world::{World, at, span};

use crate::tenancy::nothing_written;

fn quota(world: &World) -> Quota {
    Quota {
        id: QuotaId([1; 16]),
        organisation: world.operator.id,
        company: Some(world.company.id),
        site: Some(world.site.id),
        kind: Kind::Company,
        holder: world.company.id.text(),
        counts: Counts::Together,
        terms: Terms {
            measure: Measure::Minutes,
            period: Period::Day,
            amount: 600,
            from: START,
            until: None,
        },
        version: 1,
    }
}

fn party(world: &World) -> Party {
    Party {
        person: world.member.id,
        company: world.company.id,
        site: world.site.id,
        operator: world.operator.id,
    }
}

#[tokio::test]
async fn limits_and_plans() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let mut tx = test.app.db.write().await.unwrap();
        let own = Scope::Organisation(world.operator.id);
        let concerned = Scope::Organisation(world.company.id);
        let foreign = Scope::Organisation(world.stranger.id);
        let mut first = quota(&world);
        nothing_written(quotas::insert(&mut tx, foreign, &first).await);
        quotas::insert(&mut tx, own, &first).await.unwrap();
        assert_eq!(quotas::get(&mut tx, foreign, first.id).await.unwrap(), None);
        assert_eq!(quotas::list(&mut tx, foreign, None, 9).await.unwrap(), []);
        for scope in [own, concerned] {
            let found = quotas::get(&mut tx, scope, first.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(&first));
            assert_eq!(
                quotas::list(&mut tx, scope, None, 9).await.unwrap(),
                std::slice::from_ref(&first)
            );
        }
        nothing_written(quotas::set_amount(&mut tx, foreign, first.id, 1, 9).await);
        nothing_written(quotas::set_amount(&mut tx, concerned, first.id, 1, 9).await);
        nothing_written(quotas::set_amount(&mut tx, own, first.id, 7, 9).await);
        quotas::set_amount(&mut tx, own, first.id, 1, 9)
            .await
            .unwrap();
        (first.terms.amount, first.version) = (9, 2);
        assert_eq!(
            quotas::get(&mut tx, own, first.id).await.unwrap(),
            Some(first.clone())
        );

        let plan = Plan {
            id: PlanId([1; 16]),
            organisation: world.operator.id,
            name: "月20時間".to_owned(),
            created_at: START,
        };
        nothing_written(plans::insert(&mut tx, foreign, &plan).await);
        plans::insert(&mut tx, own, &plan).await.unwrap();
        assert_eq!(plans::get(&mut tx, foreign, plan.id).await.unwrap(), None);
        assert_eq!(plans::list(&mut tx, foreign).await.unwrap(), []);
        assert_eq!(
            plans::get(&mut tx, own, plan.id).await.unwrap(),
            Some(plan.clone())
        );
        assert_eq!(
            plans::list(&mut tx, own).await.unwrap(),
            std::slice::from_ref(&plan)
        );
        let holder = Holder {
            kind: Kind::Person,
            holder: world.member.id.text(),
            from: at(1),
            until: None,
        };
        nothing_written(plans::give(&mut tx, foreign, plan.id, &holder).await);
        plans::give(&mut tx, own, plan.id, &holder).await.unwrap();
        assert_eq!(plans::holders(&mut tx, foreign, plan.id).await.unwrap(), []);
        assert_eq!(
            plans::holders(&mut tx, own, plan.id).await.unwrap(),
            std::slice::from_ref(&holder)
        );
        for (n, counts) in [(2, Counts::Together), (3, Counts::Each)] {
            let of_plan = Quota {
                id: QuotaId([n; 16]),
                kind: Kind::Plan,
                holder: plan.id.text(),
                company: None,
                counts,
                ..quota(&world)
            };
            quotas::insert(&mut tx, own, &of_plan).await.unwrap();
        }
        let found = quotas::concerning(&mut tx, &party(&world)).await.unwrap();
        let holders: Vec<_> = found
            .iter()
            .map(|((id, holder), it)| (id.0[0], holder.clone(), it.kind, it.terms[0].from))
            .collect();
        assert_eq!(
            holders,
            [
                (1, world.company.id.text(), Kind::Company, START),
                (2, plan.id.text(), Kind::Plan, at(1)),
                (3, world.member.id.text(), Kind::Plan, at(1)),
            ]
        );
        let other = Party {
            person: world.boss.id,
            ..party(&world)
        };
        let found = quotas::concerning(&mut tx, &other).await.unwrap();
        assert_eq!(found.len(), 1, "the boss has no plan");
        nothing_written(plans::take(&mut tx, foreign, plan.id, &holder.holder, at(2)).await);
        plans::take(&mut tx, own, plan.id, &holder.holder, at(2))
            .await
            .unwrap();
        nothing_written(plans::take(&mut tx, own, plan.id, &holder.holder, at(3)).await);
        nothing_written(quotas::end(&mut tx, foreign, first.id, at(3)).await);
        quotas::end(&mut tx, own, first.id, at(3)).await.unwrap();
        nothing_written(quotas::end(&mut tx, own, first.id, at(4)).await);
        let found = quotas::concerning(&mut tx, &party(&world)).await.unwrap();
        let untils: Vec<_> = found.values().map(|it| it.terms[0].until).collect();
        assert_eq!(untils, [Some(at(3)), Some(at(2)), Some(at(2))]);
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn accounts_and_their_entries() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let booking = world.book(&test.app, 0, 1, 2).await.unwrap();
        let own = Scope::Organisation(world.operator.id);
        let foreign = Scope::Organisation(world.stranger.id);
        let mut tx = test.app.db.write().await.unwrap();
        let it = quota(&world);
        quotas::insert(&mut tx, own, &it).await.unwrap();
        let mut opened = Vec::new();
        for n in [1, 2] {
            let fresh = AccountId([n; 16]);
            let id = quota_ledger::open(&mut tx, fresh, it.id, &it.holder, START).await;
            opened.push(id.unwrap());
        }
        let account = AccountId([1; 16]);
        assert_eq!(opened, [account, account], "the second finds the first");
        locks::lock_accounts(&mut tx, &[account, account])
            .await
            .unwrap();
        let nobody = locks::lock_accounts(&mut tx, &[AccountId([9; 16])]).await;
        assert!(matches!(nobody, Err(sqlx::Error::RowNotFound)));
        assert_eq!(
            quota_ledger::find(&mut tx, it.id, "nobody").await.unwrap(),
            None
        );
        let all = quota_ledger::accounts(&mut tx).await.unwrap();
        assert_eq!(all, [(account, it.id, it.holder.clone())]);
        assert_eq!(
            quota_ledger::of_quota(&mut tx, foreign, it.id)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            quota_ledger::of_quota(&mut tx, own, it.id).await.unwrap(),
            [(account, it.holder.clone())]
        );
        let countable = quota_ledger::countable(&mut tx, &it, START).await.unwrap();
        assert_eq!(countable, [booking.id]);
        let later = quota_ledger::countable(&mut tx, &it, at(3)).await.unwrap();
        assert_eq!(later, []);
        let charged = quota_ledger::charged(&mut tx, booking.id).await.unwrap();
        assert_eq!(
            (
                charged.party,
                charged.booked.during,
                charged.booked.ended_at
            ),
            (party(&world), span(1, 2), None)
        );

        let slot = |period: &str| Slot {
            period: period.to_owned(),
            start: at(1).0,
            end: at(3).0,
        };
        let entry = |n: u8, kind, period, amount| Entry {
            id: EntryId([n; 16]),
            account,
            booking: booking.id,
            kind,
            slot: slot(period),
            amount,
            at: at(i64::from(n)),
        };
        for (n, kind, period, amount) in [
            (1, "reserve", "2026-11-20", 70),
            (2, "adjust", "2026-11-20", -30),
            (3, "reserve", "2026-11-21", 5),
        ] {
            let entry = entry(n, kind, period, amount);
            quota_ledger::add(&mut tx, &entry).await.unwrap();
        }
        let held = quota_ledger::held(&mut tx, account, booking.id)
            .await
            .unwrap();
        assert_eq!(
            held.into_iter().collect::<Vec<_>>(),
            [(slot("2026-11-20"), 40), (slot("2026-11-21"), 5)]
        );
        let used = quota_ledger::used(&mut tx, account, "2026-11-20", "2026-11-20").await;
        assert_eq!(
            used.unwrap().into_iter().collect::<Vec<_>>(),
            [("2026-11-20".to_owned(), 40)]
        );
        let taken = quota_ledger::taken(&mut tx, account, span(2, 5))
            .await
            .unwrap();
        assert_eq!(taken, [(span(1, 2), 45)]);
        let taken = quota_ledger::taken(&mut tx, account, span(3, 5))
            .await
            .unwrap();
        assert_eq!(taken, []);
        let lines = quota_ledger::lines(&mut tx, own, it.id, None, 9)
            .await
            .unwrap();
        let balances: Vec<_> = lines.iter().map(|line| line.balance).collect();
        assert_eq!(balances, [5, 40, 70], "newest first, each period its own");
        assert_eq!(lines[2].entry, entry(1, "reserve", "2026-11-20", 70));
        assert_eq!(
            quota_ledger::lines(&mut tx, foreign, it.id, None, 9)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            quota_ledger::bookings(&mut tx, account).await.unwrap(),
            [booking.id]
        );
        assert_eq!(quota_ledger::unbalanced(&mut tx).await.unwrap(), []);

        nothing_written(
            allocations::release(
                &mut tx,
                foreign,
                booking.allocation,
                AllocationState::Confirmed,
                at(2),
            )
            .await,
        );
        let (from, now) = (AllocationState::Confirmed, at(2));
        allocations::release(&mut tx, own, booking.allocation, from, now)
            .await
            .unwrap();
        let charged = quota_ledger::charged(&mut tx, booking.id).await.unwrap();
        assert_eq!(charged.booked.ended_at, Some(at(2)));
        tx.commit().await.unwrap();

        // Entries are final, and two of one number cannot be: the belt under the lock.
        for (sql, name) in [
            ("UPDATE quota_entry SET amount = 1", "quota_entry_is_final"),
            ("DELETE FROM quota_entry", "quota_entry_is_final"),
            (
                "INSERT INTO quota_entry (id, account_id, period, seq, booking_id, kind, amount, balance, starts_at, ends_at, at)
                 SELECT 'x', account_id, period, seq, booking_id, kind, amount, balance, starts_at, ends_at, at FROM quota_entry WHERE amount = 5",
                if test.engine() == "sqlite" { "quota_entry.seq" } else { "quota_entry_key" },
            ),
        ] {
            let mut tx = test.app.db.write().await.unwrap();
            let done = on!(&mut tx, c => sqlx::query(sql).execute(c).await.map(|done| done.rows_affected()));
            let error = done.unwrap_err();
            assert!(db::is_constraint(&error, name), "{} {error}", test.engine());
        }
    }
}
