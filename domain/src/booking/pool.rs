//! Pools: equal seats of which any will do.

use super::ALTERNATIVES_MAX;
use crate::refusal::{Code, Refusal};
use crate::time::Timestamp;

/// The answer of a pool none of whose seats can be had: what stands in the way of all alike, or that none is free, with when
/// the first one is again and the nearest of what the seats offer. `each` is what the seats answered.
pub fn none_free(each: Vec<Refusal>, wanted: Timestamp) -> Refusal {
    let mut full = Refusal::new(Code::PoolFull).with("seats", each.len());
    for refusal in each {
        if !matches!(refusal.code, Code::SeatTaken | Code::SeatOutOfService) {
            return refusal;
        }
        full.lifts_at = match (full.lifts_at, refusal.lifts_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        full.alternatives.extend(refusal.alternatives);
    }
    full.alternatives.sort_by_key(|it| {
        let away = it.during.start.since_ms(wanted).saturating_abs();
        (away, it.during.start, it.seat)
    });
    full.alternatives.dedup();
    full.alternatives.truncate(ALTERNATIVES_MAX);
    full
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SeatId;
    use crate::refusal::Alternative;
    use crate::time::Interval;

    fn offer(seat: u8, start: i64) -> Alternative {
        Alternative {
            seat: SeatId([seat; 16]),
            during: Interval {
                start: Timestamp(start),
                end: Timestamp(start + 10),
            },
        }
    }

    fn taken(until: Option<i64>, offers: &[Alternative]) -> Refusal {
        Refusal {
            lifts_at: until.map(Timestamp),
            alternatives: offers.to_vec(),
            ..Refusal::new(Code::SeatTaken)
        }
    }

    #[test]
    fn the_nearest_of_what_the_seats_offer() {
        let each = vec![
            taken(Some(90), &[offer(1, 90), offer(1, 20)]),
            taken(Some(70), &[offer(2, 70), offer(3, 50)]),
            taken(None, &[offer(3, 50)]),
        ];
        let full = none_free(each, Timestamp(50));
        assert_eq!(
            (full.code, full.lifts_at),
            (Code::PoolFull, Some(Timestamp(70)))
        );
        assert_eq!(full.data["seats"], "3");
        assert_eq!(full.alternatives, [offer(3, 50), offer(2, 70)]);
    }

    #[test]
    fn what_holds_for_all_is_said_as_it_is() {
        let busy = Refusal::new(Code::PersonBusy);
        let each = vec![taken(Some(1), &[]), busy.clone()];
        assert_eq!(none_free(each, Timestamp(0)), busy);
        assert_eq!(none_free(Vec::new(), Timestamp(0)).code, Code::PoolFull);
    }
}
