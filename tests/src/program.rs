//! The `keybell` program as a process: started with a clean environment, watched while it runs, and killed when the
//! test forgets it.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

mod binary;

pub use binary::path;

/// No test waits longer than this for one thing that a program shall do.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// A command line of `keybell`, not started yet.
///
/// It sees no `KEYBELL_…` variable but those that are given here, and works in an empty folder of its own.
#[derive(Clone, Debug, Default)]
pub struct Program {
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    home: Option<OsString>,
    input: Option<Vec<u8>>,
}

impl Program {
    /// `keybell ARGUMENTS…`.
    pub fn new<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self::default().args(arguments)
    }

    /// `keybell --folder FOLDER ARGUMENTS…`.
    pub fn on<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Self {
        Self::new([OsStr::new("--folder"), folder.as_os_str()]).args(arguments)
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Variables of its environment.
    #[must_use]
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(self, variables: impl IntoIterator<Item = (N, V)>) -> Self {
        variables.into_iter().fold(self, |program, (name, value)| program.env(name, value))
    }

    /// The folder that it works in, instead of an empty one of its own.
    #[must_use]
    pub fn working_in(mut self, folder: &Path) -> Self {
        self.home = Some(folder.as_os_str().to_owned());
        self
    }

    /// What it reads from standard input; without, that is empty. It is never a terminal.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be built or started.
    #[must_use]
    pub fn start(self) -> Running {
        let own = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let mut command = Command::new(path());
        command.args(&self.arguments).current_dir(self.home.as_deref().unwrap_or(own.path().as_os_str()));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KEYBELL_") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables).kill_on_drop(true);
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", path().display()));
        if let (Some(bytes), Some(mut stdin)) = (self.input, child.stdin.take()) {
            // A program that does not read to the end is no mistake of the test.
            tokio::spawn(async move { stdin.write_all(&bytes).await.unwrap_or_default() });
        }
        let said: Arc<watch::Sender<Said>> = Arc::default();
        let readers = Vec::from([
            child.stdout.take().map(|pipe| tokio::spawn(read(pipe, Arc::clone(&said), |said| &mut said.stdout))),
            child.stderr.take().map(|pipe| tokio::spawn(read(pipe, Arc::clone(&said), |said| &mut said.stderr))),
        ]);
        let name = self.arguments.iter().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let pid = child.id().unwrap_or_default();
        let readers = Mutex::new(readers.into_iter().flatten().collect());
        Running { name: format!("keybell {name}"), pid, child, said, readers, _own: own }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it does not end within [`PATIENCE`].
    pub async fn run(self) -> Ended {
        self.start().wait(PATIENCE).await
    }

    /// Runs it to its end, which must be this exit code.
    ///
    /// # Panics
    /// When it ends otherwise.
    pub async fn run_to(self, code: i32) -> Ended {
        self.run().await.with_code(code)
    }

    /// Runs it with `--output json` to its good end, and reads what it says.
    ///
    /// # Panics
    /// When it ends otherwise, or says something else.
    pub async fn json<T: DeserializeOwned>(self) -> T {
        self.args(["--output", "json"]).run_to(0).await.json()
    }
}

#[derive(Debug, Default)]
struct Said {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

async fn read(
    mut pipe: impl AsyncRead + Unpin,
    said: Arc<watch::Sender<Said>>,
    place: impl Fn(&mut Said) -> &mut Vec<u8>,
) {
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(n @ 1..) = pipe.read(&mut buffer).await {
        said.send_modify(|said| place(said).extend_from_slice(buffer.get(..n).unwrap_or_default()));
    }
}

/// A running `keybell`; killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    name: String,
    pid: u32,
    child: Child,
    said: Arc<watch::Sender<Said>>,
    readers: Mutex<Vec<JoinHandle<()>>>,
    _own: TempDir,
}

impl Running {
    /// The number of the process.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// What it wrote to standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.said.borrow().stdout).into_owned()
    }

    /// What it wrote to standard error so far: the log.
    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.said.borrow().stderr).into_owned()
    }

    /// Waits for the first complete line, of either stream, that contains this text.
    ///
    /// # Panics
    /// When it ends before, or does not come within [`PATIENCE`].
    pub async fn line_with(&mut self, text: &str) -> String {
        let name = self.name.clone();
        let mut said = self.said.subscribe();
        let child = &mut self.child;
        let found = async {
            loop {
                if let Some(line) = said.borrow_and_update().line_with(text) {
                    return line;
                }
                tokio::select! {
                    _ = said.changed() => {}
                    ended = child.wait() => {
                        // The pipes' last bytes are on their way.
                        let last = tokio::time::timeout(Duration::from_secs(5), said.wait_for(|said| said.line_with(text).is_some()));
                        if let Ok(Ok(said)) = last.await && let Some(line) = said.line_with(text) {
                            return line;
                        }
                        panic!("`{name}` ended ({ended:?}) without saying `{text}`");
                    }
                }
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(line) => line,
            Err(late) => {
                panic!("{late}: `{name}` did not say `{text}` within {PATIENCE:?}; it said: {}", self.stderr())
            }
        }
    }

    /// SIGTERM: asks it to finish what is in hand.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name, such as `STOP`, `CONT` or `TERM`.
    ///
    /// # Panics
    /// When there is no such signal.
    pub fn signal(&self, name: &str) {
        // `kill` of the shell: the standard library can only send SIGKILL.
        let sent = std::process::Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &self.pid.to_string()])
            .stderr(Stdio::null())
            .status();
        assert!(sent.is_ok(), "no shell to send SIG{name} with");
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill(mut self) -> Ended {
        self.child.start_kill().unwrap_or_default();
        self.wait(PATIENCE).await
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end in this time; then it is killed.
    pub async fn wait(mut self, patience: Duration) -> Ended {
        let status = match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => panic!("`{}`: {error}", self.name),
            Err(late) => panic!("{late}: `{}` did not end within {patience:?}; it said: {}", self.name, self.stderr()),
        };
        let readers = std::mem::take(&mut *self.readers.lock().unwrap_or_else(PoisonError::into_inner));
        for reader in readers {
            // A grandchild may hold the pipe open; what matters has been read.
            drop(tokio::time::timeout(Duration::from_secs(5), reader).await);
        }
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        Ended { name: self.name.clone(), code: status.code(), signal, stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Said {
    fn line_with(&self, text: &str) -> Option<String> {
        [&self.stdout, &self.stderr].into_iter().find_map(|stream| {
            let text_so_far = String::from_utf8_lossy(stream);
            text_so_far
                .split_inclusive('\n')
                .find(|line| line.ends_with('\n') && line.contains(text))
                .map(str::to_owned)
        })
    }
}

/// How a `keybell` ended, and everything it said.
#[derive(Clone, Debug)]
pub struct Ended {
    name: String,
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// Itself, when it ended with this code.
    ///
    /// # Panics
    /// When it ended otherwise; shows what it said.
    #[expect(clippy::return_self_not_must_use, reason = "the check is often all that is wanted")]
    #[track_caller]
    pub fn with_code(self, code: i32) -> Self {
        assert!(
            self.code == Some(code),
            "`{}` ended with {:?} (signal {:?}) instead of {code}\n--- stdout\n{}\n--- stderr\n{}",
            self.name,
            self.code,
            self.signal,
            self.stdout,
            self.stderr
        );
        self
    }

    /// The one JSON document on standard output.
    ///
    /// # Panics
    /// When that is something else.
    #[must_use]
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("`{}` said no such JSON ({error}): {}", self.name, self.stdout))
    }
}
