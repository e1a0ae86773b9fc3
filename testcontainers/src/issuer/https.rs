//! TLS in front of an issuer or another service: the same endpoints under `https`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use native_tls::Identity;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_native_tls::TlsAcceptor;

use crate::Certificate;

use super::Issuer;

/// Takes TLS connections for a service; ends on drop.
#[derive(Debug)]
pub struct Https {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Issuer {
    /// The same endpoints under `https`, with this certificate. Tokens go on naming [`Issuer::url`].
    ///
    /// # Panics
    /// Where it cannot listen.
    pub fn https(&self, certificate: &Certificate) -> Https {
        let behind = self.url().trim_start_matches("http://").to_owned();
        Https::start(behind, certificate).unwrap_or_else(|error| panic!("start TLS for an issuer: {error}"))
    }
}

impl Https {
    pub(crate) fn start(behind: String, certificate: &Certificate) -> io::Result<Self> {
        let (chain, key) = (
            std::fs::read(certificate.chain())?,
            std::fs::read(certificate.key())?,
        );
        let identity = Identity::from_pkcs8(&chain, &key).map_err(io::Error::other)?;
        let acceptor = native_tls::TlsAcceptor::new(identity).map_err(io::Error::other)?;
        let acceptor = Arc::new(TlsAcceptor::from(acceptor));
        let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        listener.set_nonblocking(true)?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    ended = serve(listener, acceptor, behind) => ended.expect("serve TLS"),
                    _ = stopped => {}
                }
            });
        });
        Ok(Self {
            url,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `https://localhost:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where tokens are asked for.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.url)
    }
}

async fn serve(
    listener: std::net::TcpListener,
    acceptor: Arc<TlsAcceptor>,
    behind: String,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (client, _) = listener.accept().await?;
        let (acceptor, behind) = (Arc::clone(&acceptor), behind.clone());
        // A client that does not trust the certificate breaks off; that is its own affair.
        tokio::spawn(async move {
            let mut client = acceptor.accept(client).await.map_err(io::Error::other)?;
            let mut issuer = TcpStream::connect(behind).await?;
            copy_bidirectional(&mut client, &mut issuer).await
        });
    }
}

impl Drop for Https {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panics only where serving failed, which its own message says.
            drop(thread.join());
        }
    }
}
