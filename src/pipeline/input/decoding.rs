//! Text of any encoding as UTF-8.

use std::io::{self, BufRead as _, BufReader, Cursor, Read};

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::decompression::read_head;

const BUFFER: usize = 64 * 1024;
pub(super) const UTF_8_MARK: &[u8] = b"\xef\xbb\xbf";

/// A text and how it is encoded.
pub(super) struct Text {
    pub reader: Box<dyn Read + Send>,
    /// `None` for UTF-8, which is passed on unchanged: invalid bytes reject their line.
    pub encoding: Option<&'static Encoding>,
    /// True if it began with a byte order mark.
    pub has_mark: bool,
}

/// Takes off a byte order mark and decodes what is not UTF-8.
///
/// # Errors
/// When the first bytes cannot be read.
pub(super) fn decoded(mut source: Box<dyn Read + Send>, encoding: Option<&'static Encoding>) -> io::Result<Text> {
    let mut head = read_head(&mut source, 3)?;
    let marked = match head.as_slice() {
        [0xef, 0xbb, 0xbf, ..] => Some(UTF_8),
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        _ => None,
    };
    // A mark is stronger than a flag: no other text begins so.
    let encoding = marked.or(encoding).filter(|encoding| *encoding != UTF_8);
    let mark = match marked {
        Some(encoding) if encoding == UTF_8 => UTF_8_MARK.len(),
        _ => 0,
    };
    head.drain(..mark);
    let whole = Cursor::new(head).chain(source);
    let reader: Box<dyn Read + Send> = match encoding {
        None => Box::new(whole),
        Some(encoding) => Box::new(Transcoder::new(Box::new(whole), encoding)),
    };
    Ok(Text { reader, encoding, has_mark: marked.is_some() })
}

/// Decodes while reading. A byte sequence that is not of the encoding becomes U+FFFD, which rejects its line.
struct Transcoder {
    source: BufReader<Box<dyn Read + Send>>,
    decoder: Decoder,
    text: Vec<u8>,
    given: usize,
    is_ended: bool,
}

impl Transcoder {
    fn new(source: Box<dyn Read + Send>, encoding: &'static Encoding) -> Self {
        let source = BufReader::with_capacity(BUFFER, source);
        let decoder = encoding.new_decoder_with_bom_removal();
        Transcoder { source, decoder, text: Vec::new(), given: 0, is_ended: false }
    }

    fn fill(&mut self) -> io::Result<()> {
        let block = self.source.fill_buf()?;
        let is_last = block.is_empty();
        let most = self.decoder.max_utf8_buffer_length(block.len()).unwrap_or(4 * BUFFER);
        self.text.resize(most, 0);
        let (_, read, written, _) = self.decoder.decode_to_utf8(block, &mut self.text, is_last);
        self.text.truncate(written);
        self.source.consume(read);
        self.is_ended = is_last;
        self.given = 0;
        Ok(())
    }
}

impl Read for Transcoder {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            if self.is_ended {
                return Ok(0);
            }
            self.fill()?;
        }
        let part = &self.text[self.given..];
        let count = part.len().min(into.len());
        into[..count].copy_from_slice(&part[..count]);
        self.given += count;
        Ok(count)
    }
}

/// Returns whether a text begins with the header of a tar archive (POSIX pax, "ustar Interchange Format").
pub(super) fn is_tar(beginning: &[u8]) -> bool {
    beginning.get(257..262) == Some(b"ustar")
}

/// Returns whether a line holds control characters that no text has in any encoding.
pub(super) fn is_binary(line: &[u8]) -> bool {
    let is_control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    line.iter().any(is_control) && !guess(line).starts_with("utf-16")
}

/// Returns the hint for bytes that are not UTF-8. Before them stand `offset` others: behind an odd number of them, UTF-16
/// begins with the second byte of a line end.
pub(super) fn hint_at(line: &[u8], offset: u64) -> String {
    match line.split_first() {
        Some((_, rest)) if !offset.is_multiple_of(2) => hint(rest),
        _ => hint(line),
    }
}

/// Returns the hint for bytes that are not UTF-8.
pub(super) fn hint(line: &[u8]) -> String {
    let encoding = guess(line);
    let condition = match encoding {
        WESTERN if has_letters(line) => " if it is Western European; compare its names, any encoding gives some",
        WESTERN => " if it is Western European",
        // DOS pages but one are not in the Encoding Standard.
        NOT_WESTERN => {
            " if it is of an old Mac, or Central European; `iconv -f CP850 -t UTF-8` converts what DOS wrote"
        }
        _ => "",
    };
    format!("`--encoding {encoding}` reads it{condition}")
}

const WESTERN: &str = "windows-1252";
const NOT_WESTERN: &str = "macintosh` or `--encoding windows-1250";

/// Returns whether bytes above ASCII are more than the signs of units and exponents, which many encodings have at one place.
pub(super) fn has_letters(line: &[u8]) -> bool {
    line.iter().any(|byte| *byte >= 0x80 && !matches!(byte, 0xa0 | 0xb0 | 0xb1 | 0xb2 | 0xb3 | 0xb5))
}

/// Returns whether bytes may be windows-1252: it has no character at some places, and signs that do not stand within words
/// where DOS and old Macs have letters.
fn may_be_western(line: &[u8]) -> bool {
    let is_unused = |byte: &u8| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d);
    let is_letter = |byte: u8| byte.is_ascii_alphabetic();
    // 0x92 is an apostrophe.
    let is_within_word = |three: &[u8]| matches!(three, [before, 0x80..=0x91 | 0x93..=0x9f, after] if is_letter(*before) && is_letter(*after));
    !line.iter().any(is_unused) && !line.windows(3).any(is_within_word)
}

/// Returns the encoding that bytes which are not UTF-8 are most likely in, for a hint.
pub(super) fn guess(line: &[u8]) -> &'static str {
    // UTF-16 without a mark: every other byte of Latin text is zero.
    let zeros = |offset: usize| line.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let half = line.len() / 2;
    if half > 1 && zeros(1) * 2 > half {
        return "utf-16le";
    }
    if half > 1 && zeros(0) * 2 > half {
        return "utf-16be";
    }
    // In Cyrillic text most letters are small ones, at the end of the table; the first bytes of Chinese ones are before it.
    let letters = line.iter().filter(|byte| **byte >= 0x80).count();
    let small = line.iter().filter(|byte| **byte >= 0xe0).count();
    let is_run = |pair: &[u8]| pair.iter().all(|byte| *byte >= 0xc0);
    if letters >= 4 && small * 10 > letters * 6 && line.windows(2).filter(|pair| is_run(pair)).count() * 2 >= letters {
        return cyrillic_or_greek(line);
    }
    // In Western text a byte above ASCII stands alone; in Chinese and Japanese encodings they come in pairs.
    let high: Vec<bool> = line.iter().map(|byte| *byte >= 0x80).collect();
    let pairs = high.windows(2).filter(|pair| pair[0] && pair[1]).count();
    let singles = high.iter().filter(|is_high| **is_high).count();
    if pairs * 2 >= singles && singles >= 4 {
        "gbk` or `--encoding shift_jis"
    } else if may_be_western(line) {
        WESTERN
    } else {
        NOT_WESTERN
    }
}

/// Returns the encoding of text with letters like those of Cyrillic, which are Greek ones in another. The Cyrillic `а` and `я`
/// are letters that Greek hardly has, and vowels with an accent are capitals of Cyrillic, which do not follow a small letter.
fn cyrillic_or_greek(line: &[u8]) -> &'static str {
    let is_small = |byte: u8| byte >= 0xe0;
    let is_accented = |pair: &[u8]| matches!(pair, [before, 0xdc..=0xdf] if is_small(*before));
    match (line.iter().any(|byte| matches!(byte, 0xe0 | 0xff)), line.windows(2).any(is_accented)) {
        (true, false) => "windows-1251",
        (false, true) => "windows-1253",
        _ => "windows-1251` or `--encoding windows-1253",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], label: Option<&str>) -> (String, Option<&'static str>, bool) {
        let encoding = label.map(|label| Encoding::for_label(label.as_bytes()).unwrap());
        let text = decoded(Box::new(Cursor::new(bytes.to_vec())), encoding).unwrap();
        let (mut reader, mut out) = (text.reader, String::new());
        reader.read_to_string(&mut out).unwrap();
        (out, text.encoding.map(Encoding::name), text.has_mark)
    }

    fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn text_is_utf_8_whatever_its_encoding() {
        assert_eq!(read("\u{feff}°C".as_bytes(), None), ("°C".to_owned(), None, true));
        assert_eq!(read("°C".as_bytes(), None), ("°C".to_owned(), None, false));
        let long = "Temp °C 温度 😀\n".repeat(20_000);
        let marked = format!("\u{feff}{long}");
        assert_eq!(read(&utf_16(&marked, u16::to_le_bytes), None), (long.clone(), Some("UTF-16LE"), true));
        assert_eq!(read(&utf_16(&marked, u16::to_be_bytes), None), (long.clone(), Some("UTF-16BE"), true));
        assert_eq!(read(&utf_16(&long, u16::to_le_bytes), Some("utf-16le")).0, long);
        assert_eq!(read(b"Temp(\xb0C)", Some("latin1")), ("Temp(°C)".to_owned(), Some("windows-1252"), false));
        assert_eq!(read(b"\xb2\xe2", Some("gbk")).0, "测");
        assert_eq!(read(b"", Some("gbk")).0, "");
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_passed_on_to_reject_their_line() {
        let text = decoded(Box::new(Cursor::new(b"a\xb0\n".to_vec())), None).unwrap();
        let (mut reader, mut out) = (text.reader, Vec::new());
        reader.read_to_end(&mut out).unwrap();
        assert_eq!(out, b"a\xb0\n");
    }

    #[test]
    fn guessed_encoding_is_one_that_can_be_typed() {
        assert_eq!(guess(b"Temp(\xb0C),x"), "windows-1252");
        assert_eq!(guess(&utf_16("sensor_id,t", u16::to_le_bytes)), "utf-16le");
        assert_eq!(guess(&utf_16("sensor_id,t", u16::to_be_bytes)), "utf-16be");
        assert!(guess(b"\xb2\xe2\xca\xd4,x").starts_with("gbk"));
        let encoded =
            |text: &str, label: &str| Encoding::for_label(label.as_bytes()).unwrap().encode(text).0.into_owned();
        for text in ["Время,Температура\n", "Дата;Темп\n", "Температура °C", "час,значение"]
        {
            assert_eq!(guess(&encoded(text, "windows-1251")), "windows-1251", "{text}");
        }
        for text in ["Ημερομηνία;Θερμοκρασία (°C);Χώρος\n", "Χρόνος,Τιμή", "ημερομηνία"]
        {
            assert_eq!(guess(&encoded(text, "windows-1253")), "windows-1253", "{text}");
        }
        for (text, label) in [("ώρες,τιμες", "windows-1253"), ("число", "windows-1251")] {
            assert!(guess(&encoded(text, label)).contains("1251` or `--encoding windows-1253"), "{text}: either");
        }
        for text in ["时间,温度,湿度\n", "测试", "日期;温度", "设备编号,时间,温度(℃)"] {
            assert!(guess(&encoded(text, "gbk")).starts_with("gbk"), "{text}");
        }
        assert_eq!(guess(&encoded("Température,Durée,Numéro,Été\n", "latin1")), "windows-1252");
        let text = utf_16("\r\nsensor_id\r\n", u16::to_le_bytes);
        assert_eq!(hint_at(&text[3..], 3), "`--encoding utf-16le` reads it", "behind the first byte of a line end");
    }

    #[test]
    fn windows_1252_is_a_guess_that_some_bytes_exclude() {
        for bytes in [b"K\x81che;21.5".as_slice(), b"K\x9fche", b"Men\x81", b"S\x84ule", b"M\x9abel"] {
            let hint = hint(bytes);
            assert!(hint.contains("macintosh") && hint.contains("CP850") && !hint.contains("1252"), "{hint}");
        }
        for bytes in [b"K\xfcche".as_slice(), b"l\x92atelier", b"\xc9t\xe9", b"5 \x80"] {
            let hint = hint(bytes);
            assert!(
                hint.starts_with("`--encoding windows-1252` reads it if it is Western European; compare"),
                "{hint}"
            );
        }
        assert_eq!(hint(b"\xb0C"), "`--encoding windows-1252` reads it if it is Western European");
    }
}
