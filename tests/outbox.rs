//! The outbox: what people are told, in which words, and what happens when mail does not work.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sekisho_domain::authority::Role;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::ids::{BookingId, OutboxId};
use sekisho_server::app::Mailer;
use sekisho_server::flows::Actor;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::create_person::{CreatePerson, create_person};
use sekisho_server::flows::deliver_outbox::deliver_outbox;
use sekisho_server::store::outbox;
use sekisho_server::store::people::Locale;
use sekisho_server::store::{Scope, bookings};
use sekisho_tests::app::{Mailbox, START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::world::{World, acting, at};

const MINUTE: i64 = 60_000;

/// How many mails one round sends.
async fn round(test: &TestApp) -> usize {
    ok!(deliver_outbox(&test.app, &mut BTreeSet::new()))
}

/// What waits, and how often each was tried.
async fn waiting(test: &TestApp) -> Vec<(OutboxId, i64)> {
    let rows = ok!(outbox::waiting(&mut ok!(test.app.db.read()), 100));
    rows.iter().map(|row| (row.id, row.attempts)).collect()
}

async fn tries(test: &TestApp) -> i64 {
    waiting(test).await[0].1
}

async fn cancel(test: &TestApp, world: &World, id: BookingId) {
    let member = acting(&world.member, Role::Member);
    ok!(cancel_booking(&test.app, &member, id));
}

fn mails(test: &TestApp) -> Vec<(String, String, String)> {
    test.mailbox.0.lock().unwrap().clone()
}

fn mail_through(test: &mut TestApp, mailer: Arc<dyn Mailer>) {
    Arc::get_mut(&mut test.app).unwrap().mailer = mailer;
}

#[tokio::test]
async fn people_are_told_once_in_their_language() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let first = ok!(world.book(app, 0, 1, 2));
        // Two servers at once.
        let (mut one, mut two) = (BTreeSet::new(), BTreeSet::new());
        let (one, two) = tokio::join!(deliver_outbox(app, &mut one), deliver_outbox(app, &mut two));
        assert_eq!(one.unwrap() + two.unwrap(), 1);
        cancel(&test, &world, first.id).await;
        let john = CreatePerson {
            organisation: world.company.id,
            name: "John Smith".to_owned(),
            email: "john@company.example".to_owned(),
            locale: Locale::En,
            role: Role::Member,
        };
        let john = ok!(create_person(app, &Actor::system(), john));
        let want = BookSeat {
            person: john.id,
            seat: world.seats[1].id,
            starts_at: at(1),
            ends_at: at(2),
        };
        test.clock.advance_ms(1);
        let second = ok!(book_seat(app, &acting(&john, Role::Member), want));
        assert_eq!((round(&test).await, round(&test).await), (2, 0));

        assert_eq!(waiting(&test).await, []);
        let [made, cancelled, english] = &mails(&test)[..] else {
            panic!("{:?}", mails(&test))
        };
        let (url, site) = (app.config.public_url(), &world.site.name);
        let what = format!(
            "施設: {site}\n席: {}\n日時: 2026年11月20日(金) 10:00–12:00(Asia/Tokyo)\n\n予約の内容は、次のページで確認できます。\n{url}/bookings/{}\n",
            world.seats[0].name, first.id
        );
        let time = "2026年11月20日(金) 10:00–12:00";
        assert_eq!(made.0, world.member.email);
        assert_eq!(made.1, format!("席を予約しました: {site} {time}"));
        let text = format!("山田花子 様\n\n次の席を予約しました。\n\n{what}");
        assert_eq!(made.2, text);
        assert_eq!(cancelled.1, format!("予約を取り消しました: {site} {time}"));
        let text = format!("山田花子 様\n\n次の予約を取り消しました。\n\n{what}");
        assert_eq!(cancelled.2, text);
        let text = format!(
            "Dear John Smith,\n\nThis seat is booked for you.\n\nSite: {site}\nSeat: {}\nTime: Friday 20 November 2026 10:00–11:00 (Asia/Tokyo)\n\nSee the booking on this page:\n{url}/bookings/{}\n",
            world.seats[1].name, second.id
        );
        assert_eq!(english.2, text);
    }
}

struct Broken;

impl Mailer for Broken {
    fn send(&self, _: &str, _: &str, _: &str) -> anyhow::Result<()> {
        anyhow::bail!("no route to the relay")
    }
}

#[tokio::test]
async fn a_mail_that_fails_is_tried_ever_later_and_given_up_and_the_booking_stands() {
    for mut test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        mail_through(&mut test, Arc::new(Broken));
        let booking = ok!(world.book(&test.app, 0, 1, 2));
        for n in 1..10 {
            assert_eq!((round(&test).await, tries(&test).await), (0, n));
            test.clock.set(START.plus_ms((MINUTE << n) - 1));
            assert_eq!((round(&test).await, tries(&test).await), (0, n), "early");
            test.clock.advance_ms(1);
        }
        assert_eq!((round(&test).await, tries(&test).await), (0, 10));
        let (mut tx, all) = (ok!(test.app.db.read()), Scope::System);
        let found = ok!(bookings::get(&mut tx, all, booking.id)).unwrap();
        assert_eq!(found.state, AllocationState::Confirmed);
        drop(tx);
        let mailbox = test.mailbox.clone();
        mail_through(&mut test, mailbox);
        test.clock.set(at(1_000_000));
        assert_eq!(
            (round(&test).await, tries(&test).await),
            (0, 10),
            "too late"
        );
    }
}

/// Sends, says so, and does not come back before it is told to.
struct Stuck(Arc<Mailbox>, Sender<()>, Mutex<Receiver<()>>);

impl Mailer for Stuck {
    fn send(&self, to: &str, subject: &str, text: &str) -> anyhow::Result<()> {
        self.0.send(to, subject, text)?;
        self.1.send(())?;
        // Ends when the test drops the other side.
        let _ = self.2.lock().unwrap().recv();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_sent_but_not_marked_is_sent_again() {
    for mut test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let ((sent, is_sent), (go_on, wait)) = (channel(), channel::<()>());
        let stuck = Stuck(test.mailbox.clone(), sent, Mutex::new(wait));
        mail_through(&mut test, Arc::new(stuck));
        ok!(world.book(&test.app, 0, 1, 2));
        let app = test.app.clone();
        let server = tokio::spawn(async move { deliver_outbox(&app, &mut BTreeSet::new()).await });
        tokio::task::block_in_place(|| is_sent.recv_timeout(Duration::from_secs(20))).unwrap();
        // The server dies between the two.
        server.abort();
        assert!(server.await.unwrap_err().is_cancelled());
        drop(go_on);
        assert_eq!((tries(&test).await, mails(&test).len()), (1, 1));
        assert_eq!(round(&test).await, 0, "not before the back-off");
        test.clock.advance_ms(2 * MINUTE);
        assert_eq!((round(&test).await, waiting(&test).await.len()), (1, 0));
        let mails = mails(&test);
        assert_eq!((mails.len(), &mails[0]), (2, &mails[1]), "the same twice");
    }
}

#[tokio::test]
async fn what_cannot_be_understood_waits_and_holds_up_nobody() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (fax, torn) = (OutboxId([1; 16]), OutboxId([2; 16]));
        let mut tx = ok!(test.app.db.write());
        for (id, kind) in [(fax, "fax.test"), (torn, "booking.made")] {
            ok!(outbox::push(&mut tx, id, kind, "no JSON", START));
        }
        ok!(tx.commit());
        let booking = ok!(world.book(&test.app, 0, 1, 2));
        cancel(&test, &world, booking.id).await;
        let mut unknown = BTreeSet::new();
        // Cancelled before anybody said "booked": that is not said any more.
        assert_eq!(ok!(deliver_outbox(&test.app, &mut unknown)), 1);
        assert!(mails(&test)[0].1.starts_with("予約を取り消しました"));
        assert_eq!(ok!(deliver_outbox(&test.app, &mut unknown)), 0);
        assert_eq!(unknown, BTreeSet::from([fax]));
        assert_eq!(waiting(&test).await, [(fax, 0), (torn, 1)]);
    }
}
