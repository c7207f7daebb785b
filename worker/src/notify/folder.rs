//! Senders that write files: for schools that hand their messages to something else, and for trying things out.
//!
//! Whoever can read the folder can read passwords: it is made for its owner alone.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use lettre::message::Mailbox;
use zeroize::Zeroizing;

use super::email::{self, Unmailable};
use super::{Outgoing, Sender, Sent};

/// E-mail as `.eml` files, the same bytes that a mail server would get.
#[derive(Debug)]
pub struct EmailFolder {
    folder: PathBuf,
    from: Mailbox,
}

impl EmailFolder {
    pub(super) fn new(folder: PathBuf, from: &str) -> Result<Self, Unmailable> {
        Ok(Self { folder, from: email::sender(from)? })
    }
}

#[async_trait]
impl Sender for EmailFolder {
    async fn send(&self, message: &Outgoing) -> Sent {
        match email::build(&self.from, message) {
            Ok(mime) => put(&self.folder, file_name(&message.message_id, "eml"), mime.bytes).await,
            Err(error) => Sent::PermanentRecipient(error.to_string()),
        }
    }
}

/// SMS as `.txt` files: a `To:` line, an empty line, the text.
#[derive(Debug)]
pub struct SmsFolder {
    folder: PathBuf,
}

impl SmsFolder {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

#[async_trait]
impl Sender for SmsFolder {
    async fn send(&self, message: &Outgoing) -> Sent {
        let to: String = message.address.chars().filter(|c| !c.is_control()).collect();
        let mut bytes = Zeroizing::new(Vec::with_capacity(to.len() + message.text.len() + 16));
        for part in ["To: ", &to, "\n\n", &message.text, "\n"] {
            bytes.extend_from_slice(part.as_bytes());
        }
        put(&self.folder, file_name(&message.message_id, "txt"), bytes).await
    }
}

/// A repetition of the same message has the same name, so that it replaces the first.
fn file_name(message_id: &str, extension: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_@.".contains(c) { c } else { '_' };
    let stem: String = message_id.trim_matches(['<', '>', ' ']).chars().map(plain).take(120).collect();
    // A leading dot would hide the file, and `..` would leave the folder.
    format!("{}.{extension}", stem.trim_start_matches('.'))
}

/// Writes a file so that it is there whole, on disk, or not at all.
async fn put(folder: &Path, name: String, bytes: Zeroizing<Vec<u8>>) -> Sent {
    let folder = folder.to_owned();
    let said = name.clone();
    let written = tokio::task::spawn_blocking(move || write(&folder, &name, &bytes)).await;
    match written {
        Ok(Ok(())) => Sent::Accepted(format!("written as {said}")),
        // Whatever it is (no room, no permission), it is not about the recipient.
        Ok(Err(error)) => Sent::down(format!("the file {said} cannot be written to the outbox folder: {error}")),
        Err(_) => Sent::Unknown("the outbox was left while writing".to_owned()),
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    make_private(folder)?;
    // One name per writing call: two calls never write into the same file.
    let draft = folder.join(format!(".{name}.{}", uuid::Uuid::now_v7()));
    let done = (|| {
        let mut file = create_private(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, folder.join(name))?;
        sync_folder(folder)
    })();
    if done.is_err() {
        // Best effort; what stays is a hidden draft in a private folder.
        drop(fs::remove_file(&draft));
    }
    done
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(address: &str, message_id: &str) -> Outgoing {
        Outgoing {
            address: address.to_owned(),
            message_id: message_id.to_owned(),
            subject: "New password".to_owned(),
            text: Zeroizing::new("New password:\nOtter-lamp-47\n".to_owned()),
        }
    }

    #[tokio::test]
    async fn files_are_private_whole_and_named_after_the_message() {
        let home = tempfile::tempdir().expect("folder");
        let outbox = home.path().join("outbox");
        let sms = SmsFolder::new(outbox.clone());
        for _ in 0..2 {
            let sent = sms.send(&outgoing("+15550100", "../n-7@keybell")).await;
            assert!(matches!(sent, Sent::Accepted(_)), "{sent:?}");
        }
        let email = EmailFolder::new(outbox.clone(), "keybell@example.org").expect("from");
        let sent = email.send(&outgoing("anna@example.org", "n-8@keybell")).await;
        assert!(matches!(sent, Sent::Accepted(_)), "{sent:?}");
        let mut names: Vec<_> =
            fs::read_dir(&outbox).expect("read").map(|entry| entry.expect("entry").file_name()).collect();
        names.sort();
        assert_eq!(names, ["_n-7@keybell.txt", "n-8@keybell.eml"]);
        let text = fs::read_to_string(outbox.join("_n-7@keybell.txt")).expect("text");
        assert_eq!(text, "To: +15550100\n\nNew password:\nOtter-lamp-47\n\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
            assert_eq!(mode(&outbox), 0o700);
            assert_eq!(mode(&outbox.join("n-8@keybell.eml")), 0o600);
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_a_channel_that_is_down() {
        let home = tempfile::tempdir().expect("folder");
        let file = home.path().join("file");
        fs::write(&file, "").expect("write");
        let sent = SmsFolder::new(file).send(&outgoing("+15550100", "n-7")).await;
        assert!(matches!(sent, Sent::ChannelDown { .. }), "{sent:?}");
    }
}
