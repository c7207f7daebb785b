//! Server-sent events, read from pieces as they come.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// What `Last-Event-ID` says to go on after it.
    pub(super) id: String,
    /// Its data.
    pub(super) data: String,
}

/// The longest line that is waited for, in bytes; an event is about half a kilobyte.
const MAX_LINE: usize = 1024 * 1024;

/// Puts pieces together to events.
#[derive(Debug, Default)]
pub(super) struct Reader {
    rest: Vec<u8>,
    now: Event,
}

impl Reader {
    /// Takes a piece; answers the events that it completes.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(piece);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            self.line(line.trim_end_matches(['\r', '\n']), &mut events);
        }
        if self.rest.len() > MAX_LINE {
            self.rest.clear();
        }
        events
    }

    fn line(&mut self, line: &str, events: &mut Vec<Event>) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() && !self.now.data.is_empty() => {
                events.push(std::mem::take(&mut self.now));
            }
            "id" => value.clone_into(&mut self.now.id),
            "data" => {
                if !self.now.data.is_empty() {
                    self.now.data.push('\n');
                }
                self.now.data.push_str(value);
            }
            // Comments keep the connection; the name of an event is always the same.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let text =
            b": hello\n\nevent: progress\r\nid: 1-2\r\ndata: {\"a\":\r\ndata:1}\r\n\r\nid:1-3\ndata: x\n\nid: 1-4\n";
        let whole = Reader::default().feed(text);
        let event = |id: &str, data: &str| Event { id: id.to_owned(), data: data.to_owned() };
        assert_eq!(whole, [event("1-2", "{\"a\":\n1}"), event("1-3", "x")]);
        for size in 1..text.len() {
            let mut reader = Reader::default();
            let cut: Vec<Event> = text.chunks(size).flat_map(|piece| reader.feed(piece)).collect();
            assert_eq!(cut, whole, "{size}");
        }
    }
}
