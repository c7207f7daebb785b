//! What everybody on this machine sees of a process, and what only its owner sees.

use super::Kind;

/// What was read of the running processes: each part begins with a line `== cmdline NAME PID` or `== environ NAME PID`,
/// and its words are separated by NUL, as the kernel shows them.
pub(super) fn of(running: &[(Kind, u32)]) -> Vec<u8> {
    let mut seen = Vec::new();
    for (kind, pid) in running {
        for part in ["cmdline", "environ"] {
            // A process that has just ended shows nothing.
            if let Ok(bytes) = std::fs::read(format!("/proc/{pid}/{part}")) {
                seen.extend_from_slice(format!("\n== {part} {} {pid}\n", kind.name()).as_bytes());
                seen.extend_from_slice(&bytes);
            }
        }
    }
    seen
}

/// Both parts of it: the command lines, in which no secret may stand, and the environments, in which credentials stand by
/// design.
#[cfg(test)]
pub(super) fn parts(seen: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut commands, mut environments) = (Vec::new(), Vec::new());
    let mut open = false;
    for line in seen.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"== cmdline ") || line.starts_with(b"== environ ") {
            open = line.starts_with(b"== cmdline ");
        }
        if open { commands.extend_from_slice(line) } else { environments.extend_from_slice(line) }
    }
    (commands, environments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_and_environments_are_told_apart() {
        let own = std::process::id();
        let (commands, environments) = parts(&of(&[(Kind::Api, own), (Kind::Sms, own)]));
        let has = |text: &[u8], word: &str| text.windows(word.len()).filter(|part| *part == word.as_bytes()).count();
        assert_eq!((has(&commands, "== cmdline api"), has(&commands, "== cmdline sms")), (1, 1));
        assert_eq!((has(&environments, "== environ api"), has(&environments, "== environ sms")), (1, 1));
        assert_eq!((has(&commands, "== environ"), has(&environments, "== cmdline")), (0, 0));
        assert_eq!((has(&commands, "PATH="), has(&environments, "\0PATH=").min(1)), (0, 1));
    }
}
