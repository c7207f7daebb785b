//! Ports that stay ours while whoever listens on them is away.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tokio::net::TcpSocket;

/// A port on the loopback interface that nobody else gets by chance: a socket is bound to it and never listens. Whoever
/// is told the number can listen on it all the same, because every server allows its address to be used again.
#[derive(Debug)]
pub(crate) struct Port {
    address: SocketAddr,
    _bound: TcpSocket,
}

impl Port {
    pub(crate) fn reserve() -> Result<Self> {
        let bound = TcpSocket::new_v4().context("no socket")?;
        bound.set_reuseaddr(true).context("no shared port")?;
        bound.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("no free port")?;
        Ok(Self { address: bound.local_addr().context("no port")?, _bound: bound })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) const fn number(&self) -> u16 {
        self.address.port()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn a_reserved_port_can_be_listened_on_again_and_again() {
        let port = Port::reserve().expect("a port");
        for _ in 0..3 {
            let listener = TcpListener::bind(port.address()).await.expect("it is ours");
            let _connected = TcpStream::connect(port.address()).await.expect("somebody listens");
            drop(listener);
            assert!(TcpStream::connect(port.address()).await.is_err(), "nobody listens");
        }
    }
}
