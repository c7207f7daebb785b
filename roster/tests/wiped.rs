//! What was read of passwords is overwritten. Alone in its program, since all memory of the program is looked through.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test whose set-up fails has failed")]

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};

use keybell_roster::upload::read;
use keybell_shared::upload::TITLES;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

/// `Zebra-Marmalade-`, each letter changed, so that the password is nowhere but where the file brings it.
const MASKED: [u8; 16] =
    [0x0F, 0x30, 0x37, 0x27, 0x34, 0x78, 0x18, 0x34, 0x27, 0x38, 0x34, 0x39, 0x34, 0x31, 0x30, 0x78];
const MASK: u8 = 0x55;
const ROWS: usize = 3000;

fn is_password(bytes: &[u8]) -> bool {
    bytes.iter().zip(MASKED).all(|(byte, masked)| byte ^ MASK == masked)
}

/// A file of so many rows with the password in each; `letter` says how a letter is written.
fn file(mark: &[u8], letter: fn(u8) -> [u8; 2], width: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024 * 1024));
    bytes.extend_from_slice(mark);
    let mut put = |byte: u8| bytes.extend_from_slice(&letter(byte)[..width]);
    let mut all = |bytes: &mut dyn Iterator<Item = u8>| {
        for byte in bytes {
            put(byte);
        }
    };
    all(&mut TITLES.join(",").bytes());
    for n in 0..ROWS {
        all(&mut format!("\na{n},user{n},,,,,,,").bytes());
        all(&mut MASKED.iter().map(|masked| masked ^ MASK));
    }
    bytes
}

/// How often the password stands anywhere in the memory of this process.
fn found(wide: bool) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut count = 0;
    let mut block = vec![0_u8; 1024 * 1024];
    for line in maps.lines().filter(|line| line.contains(" rw") && !line.contains("[v")) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        let mut at = start;
        while at < end {
            let size = usize::try_from(end - at).unwrap().min(block.len());
            memory.seek(SeekFrom::Start(at)).unwrap();
            // The block itself is memory too: what was found once may be found in it again, so it is emptied.
            let Ok(()) = memory.read_exact(&mut block[..size]) else { break };
            count += block[..size].windows(MASKED.len()).filter(|window| is_password(window)).count();
            if wide {
                let spread = |window: &[u8]| {
                    MASKED
                        .iter()
                        .enumerate()
                        .all(|(n, masked)| window[2 * n] ^ MASK == *masked && window[2 * n + 1] == 0)
                };
                count += block[..size].windows(2 * MASKED.len()).filter(|window| spread(window)).count();
            }
            block.fill(0);
            at += size as u64;
        }
    }
    count
}

#[test]
fn no_copy_of_a_password_is_left_when_a_text_was_read() {
    let plain = |byte: u8| [byte, 0];
    for (mark, width) in [(&b""[..], 1), (b"\xEF\xBB\xBF", 1), (b"\xFF\xFE", 2)] {
        let bytes = file(mark, plain, width);
        let rows = read(&bytes).unwrap();
        assert_eq!(rows.rows.len(), ROWS);
        assert!(rows.rows.iter().all(|row| is_password(row.password.expose_secret().as_bytes())));
        assert!(found(width == 2) >= 2 * ROWS, "the search finds what is there");
        drop(rows);
        drop(bytes);
        assert_eq!(found(width == 2), 0, "mark {mark:?}");
    }
}
