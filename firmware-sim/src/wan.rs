//! The line between a gateway and the server: a TCP relay that can be cut.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Most bytes on their way in one direction of a connection.
const PIECE: usize = 16 * 1024;

/// A relay. Dropping it cuts the line for good.
pub struct Wan {
    port: u16,
    weather: watch::Sender<Weather>,
    task: JoinHandle<()>,
}

/// What the line does.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Weather {
    up: bool,
    /// Bytes wait where they are; the connections stay.
    stalled: bool,
    /// Every piece is held back for this long.
    late: Duration,
    /// Connections with a smaller number are dead without a word.
    dead_below: u64,
    /// Number of the next connection.
    next: u64,
}

impl Wan {
    /// Listens at `near` (port 0: a free one) and relays to `target`.
    pub async fn start(near: SocketAddr, target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(near).await?;
        let port = listener.local_addr()?.port();
        let weather = watch::Sender::new(Weather {
            up: true,
            stalled: false,
            late: Duration::ZERO,
            dead_below: 0,
            next: 0,
        });
        let task = tokio::spawn(accept(listener, target, weather.clone()));
        Ok(Self {
            port,
            weather,
            task,
        })
    }

    /// Where the gateway connects instead of to the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection and refuses new ones, until [`Wan::restore`].
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.up = false);
    }

    /// Stops reading on both sides while every connection stays, until [`Wan::restore`]; what was on its way then arrives late.
    pub fn stall(&self) {
        self.weather.send_modify(|weather| weather.stalled = true);
    }

    /// Holds back whatever passes for this long, until [`Wan::restore`].
    pub fn delay(&self, late: Duration) {
        self.weather.send_modify(|weather| weather.late = late);
    }

    /// Half-open: the connections of this moment never carry a byte again and never end; new ones work.
    pub fn forget(&self) {
        self.weather
            .send_modify(|weather| weather.dead_below = weather.next);
    }

    /// Lets everything through again, on the connections that are left and on new ones.
    pub fn restore(&self) {
        self.weather.send_modify(|weather| {
            weather.up = true;
            weather.stalled = false;
            weather.late = Duration::ZERO;
        });
    }
}

impl Drop for Wan {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, weather: watch::Sender<Weather>) {
    loop {
        let Ok((near, _)) = listener.accept().await else {
            continue;
        };
        // While the line is cut the listener still answers the handshake, as a router does whose far side is dead; the
        // connection ends at once.
        let Weather { up, next, .. } = *weather.borrow();
        if up {
            weather.send_modify(|weather| weather.next += 1);
            tokio::spawn(relay(near, target, next, weather.subscribe()));
        }
    }
}

async fn relay(
    near: TcpStream,
    target: SocketAddr,
    number: u64,
    mut weather: watch::Receiver<Weather>,
) {
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near, far) = (near.into_split(), far.into_split());
    let (there, back) = (weather.clone(), weather.clone());
    let both = async {
        tokio::join!(
            pump(near.0, far.1, number, there),
            pump(far.0, near.1, number, back),
        )
    };
    tokio::select! {
        _ = both => {}
        _ = weather.wait_for(|weather| !weather.up) => {}
    }
}

/// Carries bytes one way until that way ends.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    mut weather: watch::Receiver<Weather>,
) {
    let mut piece = vec![0; PIECE];
    loop {
        let passes = |weather: &Weather| !weather.stalled && weather.dead_below <= number;
        if weather.wait_for(passes).await.is_err() {
            return;
        }
        let Ok(read @ 1..) = from.read(&mut piece).await else {
            return;
        };
        let late = weather.borrow().late;
        if !late.is_zero() {
            tokio::time::sleep(late).await;
        }
        if weather.wait_for(passes).await.is_err() || to.write_all(&piece[..read]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    async fn to_an_echo() -> Wan {
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
        Wan::start("127.0.0.1:0".parse().unwrap(), target)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_cut_line_ends_what_runs_and_refuses_what_comes() {
        let wan = to_an_echo().await;
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

    #[tokio::test]
    async fn a_stalled_line_is_late_and_a_forgotten_connection_is_dead() {
        let wan = to_an_echo().await;
        let soon = Duration::from_millis(200);
        let mut byte = [0];
        let mut stream = TcpStream::connect(("127.0.0.1", wan.port())).await.unwrap();
        wan.stall();
        stream.write_all(b"a").await.unwrap();
        let waiting = tokio::time::timeout(soon, stream.read(&mut byte)).await;
        assert!(waiting.is_err(), "nothing passes");
        wan.restore();
        assert_eq!((stream.read(&mut byte).await.unwrap(), byte), (1, *b"a"));
        wan.forget();
        stream.write_all(b"b").await.unwrap();
        let dead = tokio::time::timeout(soon, stream.read(&mut byte)).await;
        assert!(dead.is_err(), "neither a byte nor an end");
        let mut fresh = TcpStream::connect(("127.0.0.1", wan.port())).await.unwrap();
        fresh.write_all(b"c").await.unwrap();
        assert_eq!((fresh.read(&mut byte).await.unwrap(), byte), (1, *b"c"));
    }
}
