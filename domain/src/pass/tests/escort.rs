//! A visitor's pass, which counts in company only.

use super::*;

const HOST: SubjectId = SubjectId([0x51; 16]);

fn escorted() -> String {
    let claims = Claims {
        escort: Some(HOST),
        ..claims(None)
    };
    static_text(&claims.sign(&ed25519(7)))
}

#[test]
fn a_pass_that_names_a_host_needs_them_inside_wherever_it_was_heard_of() {
    for mut gateway in [Gateway::default(), Gateway::knowing(None)] {
        assert_eq!(gateway.ask(&escorted()), [Reason::EscortMissing]);
        gateway.inside = vec![SUBJECT];
        assert_eq!(gateway.ask(&escorted()), [Reason::EscortMissing]);
        gateway.inside = vec![HOST];
        assert_eq!(gateway.ask(&escorted()), []);
        // The refusals before have not used it up; the entry has.
        assert_eq!(gateway.ask(&escorted()), [Reason::PassReplayed]);
    }
}

#[test]
fn a_grant_that_names_a_host_binds_a_pass_that_does_not() {
    let mut gateway = Gateway::knowing(None);
    gateway.grants[0].escort = Some(HOST);
    assert_eq!(gateway.ask(&k1()), [Reason::EscortMissing]);
    gateway.inside = vec![HOST];
    assert_eq!(gateway.ask(&k1()), []);
}
