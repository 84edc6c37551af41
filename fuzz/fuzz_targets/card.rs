//! Model cards of any text: refused in one line, or written and read again as they were.
#![no_main]

use wingmark::card::ModelCard;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match ModelCard::from_toml(text) {
        Ok(card) => assert_eq!(ModelCard::from_toml(&card.to_toml()).expect("a card that was accepted"), card),
        Err(e) => assert!(!e.to_string().contains('\n'), "{e}"),
    }
});
