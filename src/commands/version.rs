//! `--version`: of Forebay and of what it stands on.

use forebay::connectors::kafka::librdkafka;
use forebay::core::model::runtime;

pub(super) fn text() -> String {
    let (version, features) = librdkafka();
    let onnxruntime = match runtime::locate(None) {
        Ok(path) => match runtime::build_info(&path) {
            Ok(info) => format!("{info} ({})", path.display()),
            Err(error) => error.to_string(),
        },
        Err(_) => "not found; `make onnxruntime` fetches it".into(),
    };
    format!(
        "forebay {}\nlibrdkafka {version} ({features})\nonnxruntime {onnxruntime}\n",
        env!("CARGO_PKG_VERSION")
    )
}
