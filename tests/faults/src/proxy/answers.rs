//! The server's side of PostgreSQL's protocol, as far as it takes to find the answer to a COMMIT.

/// The whole answer: `CommandComplete`, its length, its tag. A COMMIT of a transaction that failed is answered with
/// `ROLLBACK`, so that this one is always true.
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";

/// What begins every message: its kind, and the length of the rest including itself.
const HEAD: usize = 5;

/// What came, in pieces as they came, except that an answer to COMMIT is a piece of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Committed(Vec<u8>),
    Other(Vec<u8>),
}

/// Takes what the server says apart. Held back is at most the beginning of a message whose kind, length or tag is not
/// whole yet: never the end of what the server has to say, so that nobody waits for ever.
#[derive(Debug, Default)]
pub(super) struct Answers {
    waiting: Vec<u8>,
    /// How much of the present message is still to come.
    rest: usize,
    talk: Talk,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Talk {
    /// The client may have asked for encryption: that is answered with a single letter.
    #[default]
    Beginning,
    Messages,
    /// Encrypted: nothing is known any more.
    Closed,
}

impl Answers {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next piece, if it is whole.
    pub(super) fn take(&mut self) -> Option<Piece> {
        let mut passing = 0;
        let committed = loop {
            let now = self.rest.min(self.waiting.len() - passing);
            passing += now;
            self.rest -= now;
            let message = self.waiting.get(passing..).unwrap_or_default();
            match self.talk {
                Talk::Closed => {
                    passing = self.waiting.len();
                    break false;
                }
                Talk::Beginning => match message.first() {
                    Some(b'N') => {
                        passing += 1;
                        continue;
                    }
                    Some(b'S' | b'G') => {
                        self.talk = Talk::Closed;
                        continue;
                    }
                    Some(_) => self.talk = Talk::Messages,
                    None => break false,
                },
                Talk::Messages => {}
            }
            let Some((&[kind, a, b, c, d], _)) = message.split_first_chunk::<HEAD>() else { break false };
            let length = 1 + usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX - 1);
            if kind == b'C' && length == COMMITTED.len() {
                match message.get(..length) {
                    Some(COMMITTED) => break true,
                    Some(_) => {}
                    None => break false,
                }
            }
            self.rest = length.max(HEAD);
        };
        // An answer to COMMIT is a piece of its own: what is before it goes first.
        let piece = if committed && passing == 0 { COMMITTED.len() } else { passing };
        let bytes: Vec<u8> = self.waiting.drain(..piece).collect();
        match bytes.len() {
            0 => None,
            _ if committed && passing == 0 => Some(Piece::Committed(bytes)),
            _ => Some(Piece::Other(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("short");
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    /// What comes out when the bytes come in chunks of this size: everything, and how many commits, and where.
    fn through(bytes: &[u8], chunk: usize) -> (Vec<u8>, Vec<usize>) {
        let (mut answers, mut out, mut commits) = (Answers::default(), Vec::new(), Vec::new());
        for chunk in bytes.chunks(chunk) {
            answers.add(chunk);
            while let Some(piece) = answers.take() {
                match piece {
                    Piece::Other(bytes) => out.extend(bytes),
                    Piece::Committed(bytes) => {
                        commits.push(out.len());
                        out.extend(bytes);
                    }
                }
            }
        }
        (out, commits)
    }

    #[test]
    fn commits_are_found_in_chunks_of_every_size_and_nothing_is_lost() {
        let row = [&b"C\0\0\0\x0bCOMMIT\0"[..], b" within a row"].concat();
        let before = [
            b"N".to_vec(),
            message(b'R', &[0, 0, 0, 0]),
            message(b'N', b"a notice"),
            message(b'S', b"a setting"),
            message(b'C', b"BEGIN\0"),
            message(b'D', &row),
            message(b'C', b"COMMI!\0"),
            message(b'C', b"ROLLBACK\0"),
        ]
        .concat();
        let ready = message(b'Z', b"I");
        let whole = [&before, COMMITTED, &ready, COMMITTED, COMMITTED, &ready].concat();
        let first = before.len();
        let second = first + COMMITTED.len() + ready.len();
        for chunk in 1..=whole.len() {
            let found = through(&whole, chunk);
            assert_eq!(found, (whole.clone(), vec![first, second, second + COMMITTED.len()]), "chunks of {chunk}");
        }
    }

    #[test]
    fn the_end_of_a_message_never_waits() {
        // Every one of these could be the last thing before the client's turn.
        let mut answers = Answers::default();
        for said in [message(b'R', b"salt C"), message(b'1', b""), message(b'C', b"CANCEL\0"), message(b'T', b"\0C")] {
            answers.add(&said);
            assert_eq!(answers.take(), Some(Piece::Other(said)));
            assert_eq!(answers.take(), None);
        }
    }

    #[test]
    fn what_is_encrypted_passes() {
        let bytes = [b"S", COMMITTED, b"x"].concat();
        for chunk in 1..=bytes.len() {
            assert_eq!(through(&bytes, chunk), (bytes.clone(), Vec::new()));
        }
    }

    #[test]
    fn a_length_that_cannot_be_does_no_harm() {
        let bytes = [&message(b'R', b"ok")[..], b"X\0\0\0\0", b"Y\xff\xff\xff\xff", COMMITTED].concat();
        assert_eq!(through(&bytes, 3), (bytes.clone(), Vec::new()), "it belongs to the long message");
    }
}
