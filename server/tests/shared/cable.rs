//! What lies between a node and an engine of its, and can be cut for that node alone.

use std::net::SocketAddr;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Passes bytes on to a port of this machine, for as long as it is whole.
pub struct Cable {
    pub address: SocketAddr,
    whole: watch::Sender<bool>,
}

impl Cable {
    pub async fn lay(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let (address, whole) = (listener.local_addr().expect("an address"), watch::Sender::new(true));
        let told = whole.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(pass_on(near, to, told.clone()));
            }
        });
        Self { address, whole }
    }

    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn pass_on(mut near: TcpStream, to: u16, mut told: watch::Receiver<bool>) {
    if !*told.borrow() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let copying = tokio::io::copy_bidirectional(&mut near, &mut far);
    let cut = async { told.wait_for(|whole| !*whole).await.map(drop) };
    let is_cut = tokio::select! {
        _ = copying => false,
        _ = cut => true,
    };
    // Nothing comes through, and neither end is told of it.
    if is_cut {
        told.wait_for(|whole| *whole).await.map(drop).ok();
    }
}
