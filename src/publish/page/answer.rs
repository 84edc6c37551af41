//! Answers, as HTTP writes them.

use super::request::Refusal;

/// Scripts and styles are the page's own. Pictures and events come from this server. No other page
/// may embed it.
const GUARDS: &str = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\nX-Frame-Options: DENY\r\n\
    Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'\r\nConnection: close\r\n";

/// The head of an answer whose length only its end tells.
pub fn stream_head(kind: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{GUARDS}\r\n")
}

pub fn head(status: &str, kind: &str, length: usize, more: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}{GUARDS}\r\n")
}

/// A refusal in a line; `None` where nobody is left to read it.
pub fn of_refusal(refusal: Refusal) -> Option<Vec<u8>> {
    let (status, words) = match refusal {
        Refusal::Slow => ("408 Request Timeout", "the request took too long"),
        Refusal::TooLong => ("431 Request Header Fields Too Large", "the request is too long"),
        Refusal::Malformed => ("400 Bad Request", "this is no HTTP request"),
        Refusal::Method => ("405 Method Not Allowed", "only GET and HEAD are answered"),
        Refusal::Gone => return None,
    };
    Some(short(status, words, if refusal == Refusal::Method { "Allow: GET, HEAD\r\n" } else { "" }, false))
}

/// A status with a line of text, of which HEAD gets the head alone.
pub fn short(status: &str, words: &str, more: &str, is_head: bool) -> Vec<u8> {
    let text = format!("{words}\n");
    let mut answer = head(status, "text/plain; charset=utf-8", text.len(), more);
    if !is_head {
        answer.push_str(&text);
    }
    answer.into_bytes()
}
