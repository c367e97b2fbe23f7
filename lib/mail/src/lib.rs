//! Bytes to mail and back: parse, body to text, quote and signature cutting, compose.
