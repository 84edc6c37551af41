//! Model cards of any text: refused in one line, or written and read again as they were.
use wingmark::model::card::ModelCard;

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ModelCard::from_toml(text) {
        Ok(card) => assert_eq!(ModelCard::from_toml(&card.to_toml()).expect("a card that was accepted"), card),
        Err(e) => assert!(!e.to_string().contains('\n'), "{e}"),
    }
}
