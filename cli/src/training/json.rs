//! A training as JSON.

use eightbit_train::Epoch;
use serde_json::{Value, json};

use super::Trained;

pub(crate) fn json(trained: &Trained<'_>) -> Value {
    let epoch = |epoch: &Epoch| {
        json!({
            "epoch": epoch.number,
            "stage": epoch.stage.name(),
            "loss": epoch.loss,
            "accuracy": epoch.accuracy,
            "test_loss": epoch.test_loss,
            "test_accuracy": epoch.test_accuracy,
        })
    };
    let executed = trained.executed.as_ref().map(|executed| {
        json!({
            "right": executed.right,
            "same_answers": executed.same,
            "same_bits": executed.equal,
            "products": executed.products[0],
            "exact_products": executed.products[1],
            "bytes": executed.bytes,
        })
    });
    json!({
        "network": trained.name,
        "weights": trained.weights,
        "train_images": trained.images[0],
        "test_images": trained.images[1],
        "test_accuracy": trained.curve.last().map(|epoch| epoch.test_accuracy),
        "cpu_seconds": trained.seconds,
        "executed": executed,
        "curve": trained.curve.iter().map(epoch).collect::<Vec<_>>(),
    })
}
