//! Splits a file into records, with bounds.
//!
//! RFC 4180 with any line end (LF, CRLF, CR), read in one pass with a small buffer. Written by hand for one reason: in a
//! roster, a quote that is never closed must cost its own line and not the rest of the file. A record that breaks a bound
//! or a rule is given up and reading goes on behind the first line of it, where line numbers are still right.

use std::io::{self, ErrorKind, Read};

use super::record::{Field, Record};
use super::wiped::Wiped;

/// The longest field, in bytes.
pub(crate) const MAX_FIELD: usize = 4096;
/// The most fields in a record.
pub(super) const MAX_FIELDS: usize = 256;
/// The most lines that a record may go over; bounds what a quote that is never closed costs.
const MAX_LINES: u64 = 32;
/// How far the first line is looked through for the delimiter.
const MAX_HEADER: usize = 64 * 1024;

pub(super) const TOO_LONG: &str = "a field is longer than 4 KiB";
pub(super) const TOO_WIDE: &str = "the row has more than 256 columns";
const UNCLOSED: &str = "a quote is opened and not closed";
const AFTER_QUOTE: &str = "there is text between a closing quote and the next comma";

/// What [`Records::read`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A record.
    Record,
    /// Something that is none, and why.
    Malformed(&'static str),
    /// The end.
    End,
}

/// Where in a record the reader is.
#[derive(Default)]
struct Scan {
    /// Bytes from the record's start.
    offset: usize,
    /// Line ends so far.
    lines: u64,
    /// The offset behind the first line end.
    second_line: Option<usize>,
}

/// Where records come from: a file of text, or a sheet of a workbook.
pub(crate) trait Lines {
    /// Reads the next record. `keep` says by column which fields are copied out; an empty one keeps all.
    fn read(&mut self, keep: &[bool], record: &mut Record) -> io::Result<Found>;

    /// What stands between two fields; none in a workbook.
    fn delimiter(&self) -> Option<Delimiter>;
}

/// What stands between two fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
    /// `|`
    Pipe,
}

impl Delimiter {
    /// The byte that it is.
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }
}

enum Stop {
    Delimiter,
    Line,
    File,
    Malformed(&'static str),
}

/// Reads records from a stream.
pub(crate) struct Records<R> {
    input: R,
    /// What was read and is not used up; a roster's passwords are among it.
    buffer: Wiped,
    at: usize,
    filled: usize,
    line: u64,
    delimiter: u8,
}

impl<R: Read> Records<R> {
    /// Starts reading and finds the delimiter: the one of `,` `;` tab `|` that the first line has most of, or the one that
    /// a line `sep=;` announces.
    pub(crate) fn new(input: R) -> io::Result<Self> {
        let mut records = Self { input, buffer: Wiped::zeros(64 * 1024), at: 0, filled: 0, line: 1, delimiter: b',' };
        records.find_delimiter()?;
        Ok(records)
    }

    fn find_delimiter(&mut self) -> io::Result<()> {
        let mut start = 0;
        while self.byte(start)?.is_some_and(|byte| byte.is_ascii_whitespace()) && start < MAX_HEADER {
            start += 1;
        }
        let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0), (b'|', 0)];
        let mut end = start;
        while let Some(byte) = self.byte(end)? {
            if is_line_end(byte) || end - start >= MAX_HEADER {
                break;
            }
            if let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| *delimiter == byte) {
                *count += 1;
            }
            end += 1;
        }
        let line = self.buffer.get(self.at + start..self.at + end).unwrap_or_default();
        if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter] = line
            && counts.iter().any(|(known, _)| known == delimiter)
        {
            self.delimiter = *delimiter;
            self.skip_line_of(end)?;
        } else {
            // The comma comes first, so that it wins a tie.
            let best = counts.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
            self.delimiter = best.map_or(b',', |(delimiter, _)| delimiter);
        }
        Ok(())
    }
}

impl<R: Read> Lines for Records<R> {
    fn delimiter(&self) -> Option<Delimiter> {
        Some(match self.delimiter {
            b';' => Delimiter::Semicolon,
            b'\t' => Delimiter::Tab,
            b'|' => Delimiter::Pipe,
            _ => Delimiter::Comma,
        })
    }

    fn read(&mut self, keep: &[bool], record: &mut Record) -> io::Result<Found> {
        record.begin(self.line);
        if self.byte(0)?.is_none() {
            return Ok(Found::End);
        }
        let mut scan = Scan::default();
        loop {
            let wanted = keep.is_empty() || keep.get(record.len()).copied().unwrap_or(false);
            let stop = if record.len() == MAX_FIELDS {
                Stop::Malformed(TOO_WIDE)
            } else {
                self.field(&mut scan, record, wanted)?
            };
            match stop {
                Stop::Delimiter => {}
                Stop::Line | Stop::File => {
                    self.at += scan.offset;
                    self.line += scan.lines;
                    return Ok(Found::Record);
                }
                Stop::Malformed(reason) => {
                    self.give_up(&scan)?;
                    return Ok(Found::Malformed(reason));
                }
            }
        }
    }
}

impl<R: Read> Records<R> {
    fn field(&mut self, scan: &mut Scan, record: &mut Record, keep: bool) -> io::Result<Stop> {
        let mut field = record.field_begins();
        let stop = if self.byte(scan.offset)? == Some(b'"') {
            scan.offset += 1;
            self.quoted(scan, record, &mut field, keep)?
        } else {
            self.bare(scan, record, &mut field, keep)?
        };
        record.field_ends(field);
        Ok(stop)
    }

    fn bare(&mut self, scan: &mut Scan, record: &mut Record, field: &mut Field, keep: bool) -> io::Result<Stop> {
        let start = scan.offset;
        let delimiter = self.delimiter;
        loop {
            let most = MAX_FIELD.saturating_sub(scan.offset - start);
            let plain = self.run(scan.offset, most, |byte| byte == delimiter || is_line_end(byte));
            record.extend(field, plain, keep);
            scan.offset += plain.len();
            let Some(byte) = self.byte(scan.offset)? else { return Ok(Stop::File) };
            if byte == self.delimiter {
                scan.offset += 1;
                return Ok(Stop::Delimiter);
            }
            if is_line_end(byte) {
                self.line_end(scan)?;
                return Ok(Stop::Line);
            }
            if scan.offset - start == MAX_FIELD {
                return Ok(Stop::Malformed(TOO_LONG));
            }
            scan.offset += 1;
            record.push(field, byte, keep);
        }
    }

    fn quoted(&mut self, scan: &mut Scan, record: &mut Record, field: &mut Field, keep: bool) -> io::Result<Stop> {
        let start = scan.offset;
        loop {
            let most = MAX_FIELD.saturating_sub(scan.offset - start);
            let plain = self.run(scan.offset, most, |byte| byte == b'"' || is_line_end(byte));
            record.extend(field, plain, keep);
            scan.offset += plain.len();
            let Some(byte) = self.byte(scan.offset)? else { return Ok(Stop::Malformed(UNCLOSED)) };
            if is_line_end(byte) {
                self.line_end(scan)?;
                record.push(field, b'\n', keep);
            } else {
                scan.offset += 1;
                if byte == b'"' && self.byte(scan.offset)? != Some(b'"') {
                    return self.after_quote(scan);
                }
                scan.offset += usize::from(byte == b'"');
                record.push(field, byte, keep);
            }
            if scan.lines > MAX_LINES {
                return Ok(Stop::Malformed(UNCLOSED));
            }
            if scan.offset - start > MAX_FIELD {
                return Ok(Stop::Malformed(if scan.lines > 0 { UNCLOSED } else { TOO_LONG }));
            }
        }
    }

    fn after_quote(&mut self, scan: &mut Scan) -> io::Result<Stop> {
        let start = scan.offset;
        loop {
            match self.byte(scan.offset)? {
                None => return Ok(Stop::File),
                Some(byte) if byte == self.delimiter => {
                    scan.offset += 1;
                    return Ok(Stop::Delimiter);
                }
                Some(byte) if is_line_end(byte) => {
                    self.line_end(scan)?;
                    return Ok(Stop::Line);
                }
                Some(b' ') if scan.offset - start < MAX_FIELD => scan.offset += 1,
                Some(_) => return Ok(Stop::Malformed(AFTER_QUOTE)),
            }
        }
    }

    /// Takes LF, CR or CRLF.
    fn line_end(&mut self, scan: &mut Scan) -> io::Result<()> {
        let pair = self.byte(scan.offset)? == Some(b'\r') && self.byte(scan.offset + 1)? == Some(b'\n');
        scan.offset += if pair { 2 } else { 1 };
        scan.lines += 1;
        scan.second_line.get_or_insert(scan.offset);
        Ok(())
    }

    /// Goes on behind the first line of a record that is none.
    fn give_up(&mut self, scan: &Scan) -> io::Result<()> {
        if let Some(offset) = scan.second_line {
            self.at += offset;
            self.line += 1;
            Ok(())
        } else {
            self.skip_line_of(scan.offset)
        }
    }

    /// Skips up to and including the first line end from this offset on, however far away it is.
    fn skip_line_of(&mut self, offset: usize) -> io::Result<()> {
        self.at += offset;
        while let Some(byte) = self.byte(0)? {
            if is_line_end(byte) {
                let mut scan = Scan::default();
                self.line_end(&mut scan)?;
                self.at += scan.offset;
                self.line += 1;
                break;
            }
            self.at += 1;
        }
        Ok(())
    }

    /// What is in the buffer from this offset on, up to a byte that ends it, and not more than so much.
    fn run(&self, offset: usize, most: usize, ends: impl Fn(u8) -> bool) -> &[u8] {
        let rest = self.buffer.get(self.at + offset..self.filled).unwrap_or_default();
        let rest = rest.get(..most).unwrap_or(rest);
        let end = rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn byte(&mut self, offset: usize) -> io::Result<Option<u8>> {
        while self.at + offset >= self.filled {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(self.buffer.get(self.at + offset).copied())
    }

    /// Reads more behind what is there. What has been used up makes room when room gets scarce.
    fn fill(&mut self) -> io::Result<bool> {
        if self.buffer.len() - self.filled < self.buffer.len() / 4 {
            self.buffer.bytes().copy_within(self.at..self.filled, 0);
            self.filled -= self.at;
            self.at = 0;
            if self.buffer.len() - self.filled < self.buffer.len() / 4 {
                self.buffer.resize(2 * self.buffer.len());
            }
        }
        loop {
            let room = self.buffer.bytes().get_mut(self.filled..).unwrap_or_default();
            match self.input.read(room) {
                Ok(count) => {
                    self.filled += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads one byte at a time, so that every boundary is met.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(into.len()).min(1);
            let (now, later) = self.0.split_at(count);
            into[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    type Line = (u64, Result<Vec<String>, &'static str>);

    fn all(text: &[u8]) -> Vec<Line> {
        let mut records = Records::new(Drip(text)).unwrap();
        let mut record = Record::default();
        let mut found = Vec::new();
        loop {
            let fields = match records.read(&[], &mut record).unwrap() {
                Found::End => return found,
                Found::Malformed(reason) => Err(reason),
                Found::Record => Ok((0..record.len())
                    .map(|at| String::from_utf8_lossy(record.field(at).unwrap()).into_owned())
                    .collect()),
            };
            found.push((record.line, fields));
        }
    }

    fn row(line: u64, fields: &[&str]) -> Line {
        (line, Ok(fields.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn every_line_end_counts_as_one_line() {
        let found = all(b"a,b\r\nc,d\re,f\n\"g\r\nh\",i\r\nj,k");
        let expected = [row(1, &["a", "b"]), row(2, &["c", "d"]), row(3, &["e", "f"]), row(4, &["g\nh", "i"])];
        assert_eq!(found[..4], expected);
        assert_eq!(found[4], row(6, &["j", "k"]));
    }

    #[test]
    fn quotes_follow_the_rfc_and_are_lenient_inside_a_bare_field() {
        let found = all(b"a,b\n\"x \"\"y\"\" z\",\"\" \nRob \"Bob\" S,2\n\"a\"b,1\nc,d\n");
        assert_eq!(found[1], row(2, &["x \"y\" z", ""]));
        assert_eq!(found[2], row(3, &["Rob \"Bob\" S", "2"]));
        assert_eq!(found[3], (4, Err(AFTER_QUOTE)));
        assert_eq!(found[4], row(5, &["c", "d"]));
    }

    #[test]
    fn an_unclosed_quote_costs_its_own_line_only() {
        let found = all(b"a,b\n1,\"x\n2,y\n3,z\n");
        assert_eq!(found[1], (2, Err(UNCLOSED)));
        assert_eq!(found[2..], [row(3, &["2", "y"]), row(4, &["3", "z"])]);

        let mut long = b"a,b\n1,\"x\n".to_vec();
        for n in 0..5000 {
            long.extend_from_slice(format!("{n},y\n").as_bytes());
        }
        let found = all(&long);
        assert_eq!(found.len(), 5002);
        assert_eq!(found[1], (2, Err(UNCLOSED)));
        assert_eq!(found[5001], row(5002, &["4999", "y"]));
    }

    #[test]
    fn a_long_field_costs_its_own_line_only() {
        for quote in ["", "\""] {
            let text = format!("a,b\n1,{quote}{}{quote},x\n2,y\n", "z".repeat(300_000));
            let found = all(text.as_bytes());
            assert_eq!(found[1], (2, Err(TOO_LONG)));
            assert_eq!(found[2], row(3, &["2", "y"]));
        }
        let fits = format!("a,b\n{},\"{}\"\n", "z".repeat(MAX_FIELD), "z".repeat(MAX_FIELD - 1));
        assert!(all(fits.as_bytes())[1].1.is_ok());
        assert_eq!(all(format!("a,b\n{}1\n2,3\n", ",".repeat(300)).as_bytes())[1], (2, Err(TOO_WIDE)));
    }

    #[test]
    fn the_delimiter_is_found() {
        assert_eq!(all(b"a;b\n1,5;2\n")[1], row(2, &["1,5", "2"]));
        assert_eq!(all(b"a\tb\n1\t2\n")[1], row(2, &["1", "2"]));
        assert_eq!(all(b"sep=;\r\na;b\n1;2\n"), [row(2, &["a", "b"]), row(3, &["1", "2"])]);
        assert_eq!(all(b"\"a,x\",b\n1,2\n")[1], row(2, &["1", "2"]));
    }

    #[test]
    fn fields_that_are_not_kept_are_not_copied() {
        let mut records = Records::new(&b"id,password\n1,\"hunter2\"\n"[..]).unwrap();
        let mut record = Record::default();
        let keep = [true, false];
        records.read(&keep, &mut record).unwrap();
        records.read(&keep, &mut record).unwrap();
        assert_eq!((record.field(0), record.field(1)), (Some(&b"1"[..]), Some(&b""[..])));
        assert!(!record.is_blank_from(1));
        assert_eq!(record.kept(), 1);
    }

    proptest! {
        /// The reader agrees with the csv crate on whatever the csv crate writes.
        #[test]
        fn agrees_with_the_csv_crate(
            rows in prop::collection::vec(prop::collection::vec("[a-z \",\n;é]{0,12}", 3), 1..20),
            crlf in any::<bool>(),
        ) {
            let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
            writer.write_record(["one", "two", "three"]).unwrap();
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let found: Vec<Vec<String>> = all(&text).into_iter().skip(1).map(|(_, fields)| fields.unwrap()).collect();
            prop_assert_eq!(found, rows);
        }

        /// Whatever comes, it ends, lines go up, and no line is read twice.
        #[test]
        fn arbitrary_bytes_end(bytes in prop::collection::vec(
            prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..400)
        ) {
            let lines: Vec<u64> = all(&bytes).into_iter().map(|(line, _)| line).collect();
            prop_assert!(lines.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
