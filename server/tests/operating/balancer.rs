//! The balancers that the repository has configurations for, run with just these, but for
//! addresses and the certificate.

use crate::program::{Running, appended};
use std::{
    fs,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");

#[derive(Clone, Copy)]
pub enum Kind {
    Nginx,
    HaProxy,
    Caddy,
}

/// In front of nodes; the same site with TLS and without.
pub struct Balancer {
    pub plain: SocketAddr,
    pub secure: SocketAddr,
    _process: Running,
}

/// A program that is installed; where it is not, says the test that does not happen, as the
/// crate for services does.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where Debian has servers, which only root looks for there.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("unnamed");
        let line = format!("SKIPPED: {test} needs {program}: run ./setup.sh\n");
        std::io::stderr().write_all(line.as_bytes()).ok();
    }
    found
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Kind::Nginx => "nginx",
            Kind::HaProxy => "haproxy",
            Kind::Caddy => "caddy",
        }
    }
}

impl Balancer {
    /// None, loudly, where it is not installed.
    pub fn start(kind: Kind, nodes: [&str; 3], folder: &Path) -> Option<Self> {
        let program = installed(kind.program())?;
        installed("openssl")?;
        let [plain, secure, redirecting] = free_addresses();
        make_certificate(folder);
        let ports = Ports { plain, secure, redirecting };
        let mut command = match kind {
            Kind::Nginx => nginx(&program, nodes, &ports, folder),
            Kind::HaProxy => haproxy(&program, nodes, &ports, folder),
            Kind::Caddy => caddy(&program, nodes, &ports, folder),
        };
        let log = folder.join("balancer.log");
        command.stdin(Stdio::null()).stdout(appended(&log)).stderr(appended(&log));
        let balancer = Self { plain, secure, _process: Running::of(command.spawn().expect("it starts")) };
        let began = Instant::now();
        while [plain, secure].iter().any(|address| TcpStream::connect(address).is_err()) {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(20), "it does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(balancer)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.plain)
    }
}

struct Ports {
    plain: SocketAddr,
    secure: SocketAddr,
    redirecting: SocketAddr,
}

fn free_addresses() -> [SocketAddr; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("it has one"))
}

/// `cert.pem`, `key.pem`, and both in `both.pem`.
fn make_certificate(folder: &Path) {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=sentinel \
                     -addext subjectAltName=DNS:sentinel.example -keyout key.pem -out cert.pem";
    let made = Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output();
    assert!(made.expect("openssl runs").status.success());
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("is there");
    fs::write(folder.join("both.pem"), read("cert.pem") + &read("key.pem")).expect("writes");
}

/// The file, with each of these in place of what stands there.
fn shipped(file: &str, changes: &[(&str, String)]) -> String {
    let mut text = fs::read_to_string(Path::new(DEPLOY).join(file)).expect("is there");
    for (what, with) in changes {
        assert!(text.contains(what), "{file} has no {what:?} any more");
        text = text.replace(what, with);
    }
    text
}

fn at_nodes(nodes: [&str; 3]) -> [(&'static str, String); 3] {
    let [a, b, c] = nodes.map(ToOwned::to_owned);
    [("127.0.0.1:3001", a), ("127.0.0.1:3002", b), ("127.0.0.1:3003", c)]
}

fn nginx(program: &Path, nodes: [&str; 3], ports: &Ports, folder: &Path) -> Command {
    let here = folder.display();
    let Ports { plain, secure, redirecting } = ports;
    let mut changes = at_nodes(nodes).to_vec();
    changes.extend([
        ("    listen [::]:80;\n", String::new()),
        ("    listen [::]:443 ssl http2;\n", String::new()),
        ("listen 80;", format!("listen {redirecting};")),
        ("listen 443 ssl http2;", format!("listen {secure} ssl http2;\n    listen {plain};")),
        ("/etc/ssl/sentinel", here.to_string()),
        ("/usr/share/sentinel", DEPLOY.into()),
    ]);
    fs::write(folder.join("sentinel.conf"), shipped("nginx.conf", &changes)).expect("writes");
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String =
        temporary.iter().map(|name| format!("{name}_temp_path {here}/{name};\n")).collect();
    let whole = format!(
        "daemon off;\nmaster_process off;\npid {here}/pid;\nerror_log stderr;\nevents {{ }}\n\
         http {{\naccess_log off;\n{temporary}include {here}/sentinel.conf;\n}}\n"
    );
    fs::write(folder.join("nginx.conf"), whole).expect("writes");
    let mut command = Command::new(program);
    command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(folder.join("nginx.conf"));
    command
}

fn haproxy(program: &Path, nodes: [&str; 3], ports: &Ports, folder: &Path) -> Command {
    let Ports { plain, secure, redirecting } = ports;
    let mut changes = at_nodes(nodes).to_vec();
    changes.extend([
        // As many as whoever runs the tests may have open.
        ("maxconn 50000", "maxconn 500".into()),
        ("bind :80", format!("bind {redirecting}")),
        ("bind :443", format!("bind {plain}\n    bind {secure}")),
        ("/etc/haproxy/away.html", format!("{DEPLOY}/away.html")),
        ("/etc/haproxy/sentinel.pem", folder.join("both.pem").display().to_string()),
    ]);
    fs::write(folder.join("haproxy.cfg"), shipped("haproxy.cfg", &changes)).expect("writes");
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(folder.join("haproxy.cfg"));
    command
}

fn caddy(program: &Path, nodes: [&str; 3], ports: &Ports, folder: &Path) -> Command {
    let here = folder.display();
    let site = "{$SENTINEL_SITE:sentinel.example} {";
    let with_certificate = format!("{site}\n\ttls {here}/cert.pem {here}/key.pem");
    let text = shipped("Caddyfile", &[(site, with_certificate), ("/etc/caddy\n", format!("{DEPLOY}\n"))]);
    let options = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n";
    let plainly = format!("\nhttp://{} {{\n\timport sentinel\n}}\n", ports.plain);
    fs::write(folder.join("Caddyfile"), options.to_owned() + &text + &plainly).expect("writes");
    let mut command = Command::new(program);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(folder.join("Caddyfile"));
    command
        .env("SENTINEL_SITE", format!("https://sentinel.example:{}", ports.secure.port()))
        .env("SENTINEL_NODES", nodes.join(" "));
    command.env("HOME", folder).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
    command
}
