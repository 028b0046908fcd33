//! The plan of a floor as a browser without script draws it, on both engines, and what of it the page about booking shows.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use crate::inventory_pages::{HOSTILE, Site, go_back, is_page, what};

#[tokio::test]
async fn a_plan_is_drawn_without_script_and_shown_to_who_books() {
    for it in Site::on_both().await {
        let first = it.floor("1階", "1").await;
        let second = it.floor("2階", "2").await;
        let lobby = it.world.lobby.id.to_string();
        for name in ["R-1", "R-2"] {
            it.send("seats", &what(name, &lobby, &second)).await;
        }
        let (a, b) = (
            it.seat("R-1").await.id.to_string(),
            it.seat("R-2").await.id.to_string(),
        );
        let empty = it.get(&format!("floors/{first}/plan")).await;
        assert!(empty.contains("この階には席がありません"), "{empty}");
        let path = format!("floors/{second}/plan");
        let version = |text: &str| {
            let rest = text.split_once("id=\"plan-form\"").unwrap().1;
            let rest = rest.split_once("name=\"version\" value=\"").unwrap().1;
            rest.split('"').next().unwrap().to_owned()
        };
        let page = it.get(&path).await;
        let seen = version(&page);
        let spot = |seat: &str, x: &str| -> Vec<(&'static str, String)> {
            vec![
                ("seat", seat.to_owned()),
                ("x", x.to_owned()),
                ("y", "0".to_owned()),
                ("w", "16".to_owned()),
                ("h", "10".to_owned()),
            ]
        };
        let mut fields = vec![("version", seen.clone())];
        fields.extend(spot(&a, "0"));
        fields.extend(spot(&b, "10"));
        let wall = [
            ("area", ""),
            ("kind", "wall"),
            ("label", HOSTILE),
            ("x", "0"),
            ("y", "20"),
            ("w", "60"),
            ("h", "2"),
        ];
        fields.extend(wall.map(|(name, value)| (name, value.to_owned())));
        let send = async |fields: &[(&str, String)]| {
            let fields: Vec<(&str, &str)> = fields
                .iter()
                .map(|(name, it)| (*name, it.as_str()))
                .collect();
            it.send(&path, &fields).await
        };
        // Over each other: refused in words, and what was typed stays.
        let no = send(&fields).await;
        let text = is_page(&no, 409);
        assert!(
            text.contains("席が重なる位置には置けません。") && text.contains("(R-1 / R-2)"),
            "{text}"
        );
        assert!(
            text.contains("name=\"x\" min=\"0\" max=\"100000\" value=\"10\""),
            "{text}"
        );
        assert!(text.contains("現在の内容: –, –, –, –"), "{text}");
        assert_eq!(fields[7], ("x", "10".to_owned()));
        fields[7].1 = "16".to_owned();
        let half = {
            let mut half = fields.clone();
            half[8].1 = String::new();
            send(&half).await
        };
        assert!(
            is_page(&half, 422).contains("4つとも書いてください"),
            "{}",
            half.text
        );
        let done = send(&fields).await;
        let text = is_page(&done, 200).to_owned();
        // Two editors: the other one saw the plan as it was before.
        let late = send(&fields).await;
        assert!(is_page(&late, 412).contains("ほかの人が先に変更しました"));

        // The page about booking shows it: the wall, both floors, and each alone.
        let when = "day=2026-11-20&from=13:00&to=14:00";
        let shown = it.book(when).await;
        let page = is_page(&shown, 200);
        assert!(
            page.contains("class=\"area-wall\"") && page.contains("座席図: 2階"),
            "{page}"
        );
        assert_eq!(page.matches("seat-row").count(), it.seats().await.len());
        assert_eq!(
            page.matches("class=\"place ").count(),
            it.seats().await.len()
        );
        let floor = it.book(&format!("{when}&floor={second}")).await;
        let page = is_page(&floor, 200);
        assert_eq!(page.matches("seat-row").count(), 2, "{page}");
        assert!(
            page.contains(&format!("&#38;floor={second}&#38;seat={a}")),
            "{page}"
        );
        for (query, count) in [
            ("kind=room&monitor=1", 2),
            ("visual=enclosed", 2),
            ("acoustic=soundproof", 0),
            ("sockets=4", 2),
            ("sockets=5", 0),
            ("accessible=1", 0),
            ("kind=desk", it.world.seats.len()),
            (
                "kind=%3Cscript%3E&sockets=x&floor=x&visual=y",
                it.seats().await.len(),
            ),
        ] {
            let page = it.book(&format!("{when}&{query}")).await;
            let text = is_page(&page, 200);
            assert_eq!(text.matches("seat-row").count(), count, "{query}");
            assert_eq!(text.matches("class=\"place ").count(), count, "{query}");
            assert_eq!(
                text.contains("条件に合う席がありません。"),
                count == 0,
                "{query}"
            );
        }

        // Back to an empty plan, with one button.
        is_page(&go_back(&it, &text).await, 200);
        assert_eq!(it.seat("R-1").await.place, None);
        for (cookie, status) in [(&it.member, 403), (&it.outsider, 404)] {
            let form = it.web.form(it.at(&path), &[]).cookie(cookie);
            assert_eq!(form.send().await.status, status);
        }
    }
}
