//! The one TLS stack: rustls with ring.

/// Installs ring as the process's TLS provider. Call it first in every `main` and every test that opens a connection:
/// without a provider some clients panic. Calling it again does nothing.
pub fn init() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error only says that another thread was faster, with the same provider.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
}
