//! The curve as comma-separated values.

use std::fmt::Write as _;

use eightbit_train::Epoch;

pub(crate) fn csv(curve: &[Epoch]) -> String {
    let mut text = "epoch,stage,loss,accuracy,test_loss,test_accuracy\n".to_owned();
    for epoch in curve {
        let Epoch { number, stage, loss, accuracy, test_loss, test_accuracy, .. } = epoch;
        let _ = writeln!(text, "{number},{},{loss},{accuracy},{test_loss},{test_accuracy}", stage.name());
    }
    text
}
