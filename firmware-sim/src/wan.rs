//! The line between a gateway and the server: a TCP relay that can be cut.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A relay. Dropping it cuts the line for good.
pub struct Wan {
    port: u16,
    up: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Wan {
    /// Listens at `near` (port 0: a free one) and relays to `target`.
    pub async fn start(near: SocketAddr, target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(near).await?;
        let port = listener.local_addr()?.port();
        let up = watch::Sender::new(true);
        let task = tokio::spawn(accept(listener, target, up.clone()));
        Ok(Self { port, up, task })
    }

    /// Where the gateway connects instead of to the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection and refuses new ones, until [`Wan::restore`].
    pub fn cut(&self) {
        self.up.send_replace(false);
    }

    /// Lets connections through again.
    pub fn restore(&self) {
        self.up.send_replace(true);
    }
}

impl Drop for Wan {
    fn drop(&mut self) {
        self.up.send_replace(false);
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, up: watch::Sender<bool>) {
    loop {
        let Ok((near, _)) = listener.accept().await else {
            continue;
        };
        // While the line is cut the listener still answers the handshake, as a router does whose far side is dead; the
        // connection ends at once.
        if *up.borrow() {
            tokio::spawn(relay(near, target, up.subscribe()));
        }
    }
}

async fn relay(mut near: TcpStream, target: SocketAddr, mut up: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = up.wait_for(|up| !up) => {}
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_cut_line_ends_what_runs_and_refuses_what_comes() {
        let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = echo.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = echo.accept().await.unwrap();
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        let wan = Wan::start("127.0.0.1:0".parse().unwrap(), target)
            .await
            .unwrap();
        let mut byte = [0];
        let mut stream = TcpStream::connect(("127.0.0.1", wan.port())).await.unwrap();
        stream.write_all(b"a").await.unwrap();
        assert_eq!((stream.read(&mut byte).await.unwrap(), byte), (1, *b"a"));
        wan.cut();
        assert_eq!(stream.read(&mut byte).await.unwrap_or(0), 0);
        let mut refused = TcpStream::connect(("127.0.0.1", wan.port())).await.unwrap();
        assert_eq!(refused.read(&mut byte).await.unwrap_or(0), 0);
        wan.restore();
        let mut again = TcpStream::connect(("127.0.0.1", wan.port())).await.unwrap();
        again.write_all(b"b").await.unwrap();
        assert_eq!((again.read(&mut byte).await.unwrap(), byte), (1, *b"b"));
    }
}
