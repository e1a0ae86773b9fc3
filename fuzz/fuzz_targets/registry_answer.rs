//! What a registry answers, over HTTP from this process: the input is cut at zero bytes into answers, each of them a byte that chooses its
//! status before its body, and request after request gets the next. Whoever asked gets a schema with all it refers to, nothing, or an error.
#![no_main]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use forebay_connectors::registry::{NewSchema, Registry, RegistryLogin, RegistrySettings};
use forebay_core::codec::schemas::SchemaType;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

const STATUS: [u16; 8] = [200, 200, 200, 200, 404, 409, 422, 500];

static ANSWERS: Mutex<(usize, Vec<Vec<u8>>)> = Mutex::new((0, Vec::new()));
static CLIENT: LazyLock<(Arc<Registry>, Runtime)> = LazyLock::new(client);

fn client() -> (Arc<Registry>, Runtime) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let settings = RegistrySettings {
        urls: vec![format!("http://127.0.0.1:{port}")],
        login: RegistryLogin::None,
        client: reqwest::Client::builder().no_proxy().build().expect("a client"),
        cache: None,
        timeout: Duration::from_secs(10),
    };
    (Registry::open(&settings, runtime.handle()), runtime)
}

/// Answers one connection's requests until it ends.
fn serve(stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut length = 0;
        let mut line = String::new();
        while reader.read_line(&mut line).ok()? > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            line.clear();
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let (status, body) = next();
        let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n\r\n", body.len());
        writer.write_all(&[head.as_bytes(), &body].concat()).ok()?;
    }
}

fn next() -> (u16, Vec<u8>) {
    let mut answers = ANSWERS.lock().expect("the answers");
    let at = answers.0 % answers.1.len();
    answers.0 += 1;
    match answers.1[at].split_first() {
        Some((status, body)) => (STATUS[usize::from(*status) % STATUS.len()], body.to_vec()),
        None => (200, Vec::new()),
    }
}

fn answers(bytes: &[u8]) {
    let answers = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    *ANSWERS.lock().expect("the answers") = (0, answers);
}

fuzz_target!(|bytes: &[u8]| {
    let registry = &CLIENT.0;
    answers(bytes);
    if let Ok(Some(version)) = registry.latest("orders-value") {
        let mut names: Vec<_> = version.schema.references.iter().map(|r| &r.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), version.schema.references.len(), "each once");
        assert!(names.len() <= 256);
    }
    let new = NewSchema {
        schema_type: SchemaType::Avro,
        text: "\"long\"".to_owned(),
        references: Vec::new(),
    };
    answers(bytes);
    if let Err(error) = registry.register("orders-value", &new) {
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
    answers(bytes);
    let _judged = registry.compatibility("orders-value", &new).is_ok();
    answers(bytes);
    let _listed = registry.versions("orders-value").is_ok();
});
