#![no_main]
use sekisho_domain::wire::body::DecisionBody;
use sekisho_domain::wire::event::Event;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = Event::from_bytes(bytes) {
        let _ = event.body_as::<DecisionBody>();
    }
});
