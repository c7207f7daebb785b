//! Ports that stay ours while the server that listens on them is away.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tokio::net::TcpSocket;

/// A port on the loopback interface that nobody else gets by chance: a socket is bound to it and never listens. Whoever
/// is told the number can listen on it all the same, because every server allows its address to be used again.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    _bound: TcpSocket,
}

impl Port {
    pub(super) fn reserve() -> Result<Self> {
        let bound = TcpSocket::new_v4().context("no socket")?;
        bound.set_reuseaddr(true).context("no shared port")?;
        bound.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("no free port")?;
        Ok(Self { address: bound.local_addr().context("no port")?, _bound: bound })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) const fn number(&self) -> u16 {
        self.address.port()
    }
}
