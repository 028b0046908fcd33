//! Every store function of when sites are open, on both engines and with a foreign scope.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use jiff::civil::date;
use sekisho_domain::booking::{Calendar, HolidayPolicy, OpeningHours, SpecialDay};
use sekisho_server::store::calendars::{self, Holidays};
use sekisho_server::store::{Scope, sites};
use sekisho_tests::app::{HOUR, START, TestApp};
use sekisho_tests::world::World;

use crate::tenancy::nothing_written;

#[tokio::test]
async fn every_store_function_of_calendars_and_with_a_foreign_scope() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let scope = Scope::Organisation;
        let (own, foreign) = (scope(world.operator.id), scope(world.stranger.id));
        let (company, site) = (scope(world.company.id), world.site.id);
        let mut tx = test.app.db.write().await.unwrap();
        let none = calendars::holidays(&mut tx, own, site).await.unwrap();
        assert_eq!((none.policy, none.version), (HolidayPolicy::AsUsual, 0));
        let set = Holidays {
            policy: HolidayPolicy::Hours,
            hours: "10:00-15:00".parse().unwrap(),
            version: 0,
        };
        nothing_written(calendars::set_holidays(&mut tx, foreign, site, &set).await);
        nothing_written(calendars::set_holidays(&mut tx, company, site, &set).await);
        calendars::set_holidays(&mut tx, own, site, &set)
            .await
            .unwrap();
        nothing_written(calendars::set_holidays(&mut tx, own, site, &set).await);
        let is = Holidays {
            version: 1,
            ..set.clone()
        };
        assert_eq!(
            calendars::holidays(&mut tx, company, site).await.unwrap(),
            is
        );
        assert_eq!(
            calendars::holidays(&mut tx, foreign, site).await.unwrap(),
            none
        );
        let day = SpecialDay {
            date: date(2026, 11, 20),
            blocks: "22:00-05:00".parse().unwrap(),
            ja: "深夜営業".to_owned(),
            en: String::new(),
        };
        nothing_written(calendars::insert_special(&mut tx, foreign, site, &day).await);
        nothing_written(calendars::insert_special(&mut tx, company, site, &day).await);
        calendars::insert_special(&mut tx, own, site, &day)
            .await
            .unwrap();
        let from = date(2026, 11, 20);
        assert_eq!(
            calendars::special_days(&mut tx, company, site, from)
                .await
                .unwrap(),
            std::slice::from_ref(&day)
        );
        let later = date(2026, 11, 21);
        assert_eq!(
            calendars::special_days(&mut tx, own, site, later)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            calendars::special_days(&mut tx, foreign, site, from)
                .await
                .unwrap(),
            []
        );
        let whole = calendars::whole(&mut tx, company, site).await.unwrap();
        assert_eq!(whole.special, [day]);
        assert_eq!(whole.weekly.len(), 7);
        assert_eq!(
            calendars::calendar(&mut tx, own, site, None, START.plus_ms(96 * HOUR))
                .await
                .unwrap()
                .special,
            [],
            "days that are over do not count"
        );
        assert_eq!(
            calendars::calendar(&mut tx, foreign, site, None, START)
                .await
                .unwrap(),
            Calendar::default()
        );
        assert_eq!(
            calendars::whole(&mut tx, foreign, site).await.unwrap(),
            Calendar::default()
        );
        calendars::clear(&mut tx, foreign, site).await.unwrap();
        assert_eq!(
            calendars::whole(&mut tx, own, site).await.unwrap(),
            whole,
            "nothing was cleared"
        );
        calendars::clear(&mut tx, own, site).await.unwrap();
        let night = OpeningHours {
            weekday: 4,
            opens_min: 1320,
            closes_min: 1740,
        };
        sites::insert_hours(&mut tx, own, site, night)
            .await
            .unwrap();
        let left = calendars::whole(&mut tx, own, site).await.unwrap();
        assert_eq!((left.weekly, left.special), (vec![night], vec![]));
    }
}
