//! gzip and zstd, recognized by content; other binary files are named.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The largest zstd window that is read: RFC 8878, section 3.1.1.1.2, recommends 8 MB at least to decoders, and memory
/// stays bounded by it.
pub(super) const MAX_ZSTD_WINDOW: u64 = 8 * 1024 * 1024;

const ZIP: &[u8] = b"PK\x03\x04";
/// Bytes behind the first 16 of a zip archive that tell what is in it: the name of its first file, and its type.
const ZIP_NAME_BYTES: u64 = 112;
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const BUFFER: usize = 64 * 1024;

/// Files that are no text and that nothing here reads: how they begin, what they are, and what makes text of them.
const OTHERS: [(&[u8], &str, &str); 16] = [
    (b"BZh", "bzip2 data", "decompress it first: bzcat FILE | sensorctl put --file -"),
    (b"\xfd7zXZ\0", "xz data", "decompress it first: xzcat FILE | sensorctl put --file -"),
    (b"\x04\x22\x4d\x18", "lz4 data", "decompress it first: lz4cat FILE | sensorctl put --file -"),
    (b"\xd0\xcf\x11\xe0", "an old workbook (.xls)", "save the sheet as CSV"),
    (b"SQLite format 3\0", "an SQLite database", "export the table: sqlite3 -csv -header FILE 'SELECT …'"),
    (b"PAR1", "a Parquet file", EXPORT),
    (b"Obj\x01", "an Avro file", "export it as NDJSON: avro-tools tojson FILE"),
    (b"%PDF-", "a PDF", "export the readings as CSV"),
    (b"ARROW1", "an Arrow file", EXPORT),
    (b"FEA1", "a Feather file", EXPORT),
    (b"\x89HDF", "an HDF5 or netCDF file", EXPORT),
    (b"CDF\x01", "a netCDF file", EXPORT),
    (b"CDF\x02", "a netCDF file", EXPORT),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"{\\rtf", "a rich text document", "save it as text"),
];

const EXPORT: &str = "export it as CSV or NDJSON";

/// Signatures of data that is compressed twice.
const TWICE: [(&[u8], &str, &str); 2] = [
    (GZIP, "gzip data within compressed data (compressed twice)", DECOMPRESS_TWICE),
    (ZSTD, "zstd data within compressed data (compressed twice)", DECOMPRESS_TWICE),
];
const DECOMPRESS_TWICE: &str = "decompress it once, and put what comes out: zcat FILE | sensorctl put --file -";

/// Compression of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// An input that is not compressed any more.
pub(super) struct Decompressed {
    pub reader: Box<dyn Read + Send>,
    pub compression: Option<Compression>,
}

/// A file that is no text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotText {
    /// The kind of the file, for the message.
    pub what: &'static str,
    /// The hint that turns the file into text.
    pub hint: &'static str,
}

/// Looks at the first bytes.
///
/// # Errors
/// When they cannot be read; within it, when they are those of another binary file.
pub(super) fn decompressed(mut source: Box<dyn Read + Send>) -> io::Result<Result<Decompressed, NotText>> {
    let head = read_head(&mut source, 16)?;
    if let Some((_, what, hint)) = OTHERS.iter().find(|(beginning, ..)| head.starts_with(beginning)) {
        return Ok(Err(NotText { what, hint }));
    }
    if head.starts_with(ZIP) {
        let mut name = Vec::new();
        source.take(ZIP_NAME_BYTES).read_to_end(&mut name)?;
        return Ok(Err(in_zip(&[head, name].concat())));
    }
    let compression = if head.starts_with(GZIP) {
        Some(Compression::Gzip)
    } else if head.starts_with(ZSTD) {
        Some(Compression::Zstd)
    } else {
        None
    };
    let whole = Cursor::new(head).chain(source);
    let reader: Box<dyn Read + Send> = match compression {
        Some(Compression::Gzip) => Box::new(Gzip(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, whole)))),
        Some(Compression::Zstd) => Box::new(Zstd::new(BufReader::with_capacity(BUFFER, whole))),
        None => return Ok(Ok(Decompressed { reader: Box::new(whole), compression })),
    };
    Ok(within(reader).map(|reader| Decompressed { reader, compression }))
}

/// Looks at the first bytes of what was compressed: it may be no text either.
fn within(mut reader: Box<dyn Read + Send>) -> Result<Box<dyn Read + Send>, NotText> {
    let mut head = Vec::new();
    let mut failure = None;
    while head.len() < 16 && !head.contains(&b'\n') && failure.is_none() {
        let mut block = vec![0; BUFFER];
        match reader.read(&mut block) {
            Ok(0) => break,
            Ok(read) => head.extend_from_slice(&block[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => failure = Some(error),
        }
    }
    for (beginning, what, hint) in TWICE.iter().chain(&OTHERS) {
        if head.starts_with(beginning) {
            return Err(NotText { what, hint });
        }
    }
    // An error comes where it would have come: behind the bytes before it.
    Ok(Box::new(Cursor::new(head).chain(Failed(failure)).chain(reader)))
}

/// Gives an error once, if there is one, and then nothing.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// gzip with errors that name it.
struct Gzip<R>(MultiGzDecoder<R>);

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => cut("gzip"),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => damaged("gzip", &error),
            _ => error,
        })
    }
}

fn cut(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the {name} data ends early: the file is cut"))
}

fn damaged(name: &str, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the {name} data is damaged: {error}"))
}

/// zstd frames, one after the other, with a bounded window.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    is_open: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_ZSTD_WINDOW);
        Zstd { source, decoder, is_open: false }
    }

    /// Begins the next frame; false at the end.
    fn open(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.is_open = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let skipped = io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
                    if skipped < length.into() {
                        return Err(cut("zstd"));
                    }
                }
                Err(error) => return Err(zstd_error(&error)),
            }
        }
    }

    /// Ends the frame; a wrong checksum is an error.
    fn close(&mut self) -> io::Result<()> {
        self.is_open = false;
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(written), Some(calculated)) if written != calculated => {
                Err(damaged("zstd", &"its checksum is another"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_open && !self.open()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let step = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
                step.map_err(|error| zstd_error(&error))?;
            }
            match self.decoder.read(into)? {
                0 if !into.is_empty() => self.close()?,
                read => return Ok(read),
            }
        }
    }
}

fn zstd_error(error: &FrameDecoderError) -> io::Error {
    if let FrameDecoderError::WindowSizeTooBig { requested, .. } = error {
        let (requested, most) = (requested.div_ceil(1024 * 1024), MAX_ZSTD_WINDOW / (1024 * 1024));
        return io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "its zstd window has {requested} MiB, more than {most} MiB; decompress it first: \
                 zstd -dc --long=31 FILE | sensorctl put --file -"
            ),
        );
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof) {
            return cut("zstd");
        }
        cause = error.source();
    }
    damaged("zstd", error)
}

/// Reads the beginning of a source: `bytes` of it or a line, whichever is shorter, and what came with it. A live pipe is
/// not waited for beyond that.
///
/// # Errors
/// If it cannot be read.
pub(super) fn read_head(source: &mut dyn Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while head.len() < bytes && !head.contains(&b'\n') {
        let mut block = vec![0; BUFFER];
        match source.read(&mut block) {
            Ok(0) => break,
            Ok(read) => head.extend_from_slice(&block[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

/// Returns what a zip archive is, by its first file.
fn in_zip(beginning: &[u8]) -> NotText {
    let has = |name: &[u8]| beginning.windows(name.len()).any(|part| part == name);
    let (what, hint) = if has(b"application/vnd.oasis.opendocument") {
        ("an OpenDocument sheet (.ods)", "save the sheet as CSV")
    } else if [b"[Content_Types].xml".as_slice(), b"_rels/", b"docProps/", b"xl/"].into_iter().any(has) {
        ("a workbook (.xlsx)", "save the sheet as CSV")
    } else {
        ("a zip archive or a workbook (.xlsx)", "unzip it, or save the sheet as CSV")
    };
    NotText { what, hint }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression as Level;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn read(bytes: Vec<u8>) -> Result<(Vec<u8>, Option<Compression>), String> {
        let opened = decompressed(Box::new(Cursor::new(bytes))).unwrap().map_err(|other| other.what.to_owned())?;
        let (mut reader, mut text) = (opened.reader, Vec::new());
        reader.read_to_end(&mut text).map_err(|error| error.to_string())?;
        Ok((text, opened.compression))
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Level::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    /// A text that compresses to more than one block.
    fn long() -> Vec<u8> {
        (0..60_000).flat_map(|n: u32| format!("line {}\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
    }

    #[test]
    fn gzip_members_and_zstd_frames_are_read_to_the_last() {
        let text = [long(), b"end".to_vec()].concat();
        let gzipped = [gzip(&long()), gzip(b"end")].concat();
        assert_eq!(read(gzipped), Ok((text.clone(), Some(Compression::Gzip))));
        let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        let compressed = [zstd(&long()), skippable, zstd(b""), zstd(b"end")].concat();
        assert_eq!(read(compressed), Ok((text, Some(Compression::Zstd))));
        assert_eq!(read(b"x\n".to_vec()), Ok((b"x\n".to_vec(), None)));
        assert_eq!(read(Vec::new()), Ok((Vec::new(), None)));
    }

    #[test]
    fn cut_or_damaged_data_is_an_error_that_says_so() {
        let (gzipped, compressed) = (gzip(&long()), zstd(&long()));
        for (bytes, name) in [(&gzipped, "gzip"), (&compressed, "zstd")] {
            for keep in [20, bytes.len() / 2, bytes.len() - 1] {
                let error = read(bytes[..keep].to_vec()).unwrap_err();
                assert!(error.contains(name) && error.contains("cut"), "{keep}: {error}");
            }
        }
        let mut damaged = gzipped.clone();
        let middle = damaged.len() - 6;
        damaged[middle] ^= 1;
        assert!(read(damaged).unwrap_err().contains("gzip data is damaged"));
        let mut damaged = compressed.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(read(damaged).unwrap_err().contains("zstd data is damaged"));
    }

    #[test]
    fn zstd_window_above_8_mib_is_refused_before_it_takes_memory() {
        // Magic number, a descriptor with neither content size nor checksum, and a window of 2^(10 + exponent) bytes.
        let frame = |exponent: u8| [ZSTD, &[0, exponent << 3], b"\x01\0\0"].concat();
        assert_eq!(read(frame(13)), Ok((Vec::new(), Some(Compression::Zstd))));
        let error = read(frame(14)).unwrap_err();
        assert!(error.contains("16 MiB, more than 8 MiB"), "{error}");
    }

    #[test]
    fn other_binary_files_are_named() {
        for (first, what) in [
            ("a.csv", "a zip archive or a workbook (.xlsx)"),
            ("[Content_Types].xml", "a workbook (.xlsx)"),
            ("mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument sheet (.ods)"),
        ] {
            let zip = format!("PK\x03\x04{}{first}", "\0".repeat(26));
            assert_eq!(read(zip.into_bytes()), Err(what.to_owned()), "{first}");
        }
        assert_eq!(read(b"ARROW1\0\0".to_vec()), Err("an Arrow file".to_owned()));
        assert_eq!(read(b"BZh91AY".to_vec()), Err("bzip2 data".to_owned()));
    }
}
