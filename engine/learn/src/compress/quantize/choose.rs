//! Choice: how many bits each layer gets under a budget of loss, of size, or both.
//!
//! ```text
//! loss   every layer in fewest bits ─► the one whose next form relieves most goes up ─► ... until the loss keeps to the budget
//! size   of all choices whose bytes keep to the budget the one whose layers cost least
//! ```
//!
//! Costs of single layers are taken to add up only where they are compared; whether a loss keeps to its budget is measured on the whole.

use orrery_domain::Failure;

use super::super::client;
use crate::{control::Interrupt, nets::codes::Bits};

/// What a layer may be made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// Bits of a value; `None`: floats.
    pub bits: Option<Bits>,
    /// Bytes of the layer's matrix, scales included.
    pub bytes: u64,
    /// Relative rise of the loss with this layer alone made so.
    pub rise: f64,
}

/// A layer's forms, the smallest first; floats last.
pub type Ladder = Vec<Form>;

/// What is to be kept to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budgets {
    /// Most relative rise of the loss.
    pub loss: Option<f64>,
    /// Most bytes of all parameters.
    pub bytes: Option<u64>,
    /// Bytes of what is no layer's matrix.
    pub rest: u64,
}

/// The place of each layer's form on its ladder. `rise` tells the loss of a choice.
///
/// # Errors
/// A client failure when the budgets cannot be kept; those of `rise`.
pub fn choose(
    ladders: &[Ladder],
    budgets: Budgets,
    mut rise: impl FnMut(&[usize]) -> Result<f64, Interrupt>,
) -> Result<Vec<usize>, Interrupt> {
    let found = match (budgets.loss, budgets.bytes) {
        (None, None) => vec![0; ladders.len()],
        (Some(most), None) => within_loss(ladders, most, &mut rise)?,
        (None, Some(most)) => within_bytes(ladders, budgets.rest, most)?,
        (Some(loss), Some(bytes)) => {
            let by_size = within_bytes(ladders, budgets.rest, bytes)?;
            let rises = rise(&by_size)?;
            if rises <= loss {
                by_size
            } else {
                let by_loss = within_loss(ladders, loss, &mut rise)?;
                if size(ladders, budgets.rest, &by_loss) > bytes {
                    return Err(client(format!(
                        "Both budgets cannot be kept: within the size the loss rises by {:.3} %, within the loss the size is {:.1} % of \
                         that in floats. Nothing was made; allow more of one of them, or train with rounding.",
                        rises * 100.0,
                        100.0 * share(ladders, budgets.rest, &by_loss)
                    ))
                    .into());
                }
                by_loss
            }
        }
    };
    if !ladders.is_empty() && found.iter().zip(ladders).all(|(at, ladder)| at + 1 == ladder.len()) {
        let message = match budgets.loss {
            Some(most) => format!(
                "No layer can be quantized within {:.3} % more loss. Nothing was made; allow more, train with rounding, or choose another \
                 scheme.",
                most * 100.0
            ),
            None => {
                "The model keeps to that size as it is: no layer needs to be quantized. Nothing was made."
                    .to_owned()
            }
        };
        return Err(client(message).into());
    }
    Ok(found)
}

/// Bytes of all parameters.
fn size(ladders: &[Ladder], rest: u64, at: &[usize]) -> u64 {
    rest + ladders.iter().zip(at).map(|(ladder, at)| ladder[*at].bytes).sum::<u64>()
}

/// Their share of what they are as floats.
fn share(ladders: &[Ladder], rest: u64, at: &[usize]) -> f64 {
    let floats: Vec<usize> = ladders.iter().map(|ladder| ladder.len() - 1).collect();
    size(ladders, rest, at) as f64 / size(ladders, rest, &floats).max(1) as f64
}

/// What the layer's loss is relieved by with the next form up; `None`: it is floats.
fn relief(ladder: &Ladder, at: usize) -> Option<f64> {
    Some(ladder[at].rise - ladder.get(at + 1)?.rise)
}

fn within_loss(
    ladders: &[Ladder],
    most: f64,
    rise: &mut impl FnMut(&[usize]) -> Result<f64, Interrupt>,
) -> Result<Vec<usize>, Interrupt> {
    let mut at = vec![0; ladders.len()];
    // All floats have no rise.
    while rise(&at)? > most {
        let reliefs = (0..at.len()).filter_map(|layer| Some((layer, relief(&ladders[layer], at[layer])?)));
        match reliefs.max_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((layer, _)) => at[layer] += 1,
            None => break,
        }
    }
    Ok(at)
}

fn within_bytes(ladders: &[Ladder], rest: u64, most: u64) -> Result<Vec<usize>, Failure> {
    let smallest = vec![0; ladders.len()];
    if size(ladders, rest, &smallest) > most {
        return Err(client(format!(
            "That size cannot be kept: with every layer in its fewest bits the parameters take {:.1} % of their bytes as floats. Nothing was \
             made; allow more, choose a scheme of fewer bits, or prune the model first.",
            100.0 * share(ladders, rest, &smallest)
        )));
    }
    // Choices of the layers so far of which none is both smaller and better than another: the multiple-choice knapsack, by its front.
    let mut front = vec![Choice { bytes: rest, rise: 0.0, at: Vec::new() }];
    for ladder in ladders {
        let longer = |choice: &Choice| -> Vec<Choice> {
            let with = |(place, form): (usize, &Form)| Choice {
                bytes: choice.bytes + form.bytes,
                rise: choice.rise + form.rise,
                at: choice.at.iter().copied().chain([place]).collect(),
            };
            ladder.iter().enumerate().map(with).filter(|choice| choice.bytes <= most).collect()
        };
        let mut all: Vec<Choice> = front.iter().flat_map(longer).collect();
        all.sort_by(|a, b| a.bytes.cmp(&b.bytes).then(a.rise.total_cmp(&b.rise)));
        let mut least = f64::INFINITY;
        all.retain(|choice| {
            choice.rise < least && {
                least = choice.rise;
                true
            }
        });
        let step = all.len().div_ceil(MOST).max(1);
        let last = all.len().saturating_sub(1);
        front = all
            .into_iter()
            .enumerate()
            .filter(|(at, _)| at % step == 0 || *at == last)
            .map(|(_, choice)| choice)
            .collect();
    }
    // The largest that fits costs least.
    front.pop().map(|choice| choice.at).ok_or_else(|| client("That size cannot be kept. Nothing was made."))
}

/// Choices that are kept between two layers, at most.
const MOST: usize = 4096;

/// The forms of the first layers.
struct Choice {
    bytes: u64,
    rise: f64,
    at: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(values: u64, four: f64, eight: f64) -> Ladder {
        vec![
            Form { bits: Some(Bits::Four), bytes: values / 2 + 8, rise: four },
            Form { bits: Some(Bits::Eight), bytes: values + 8, rise: eight },
            Form { bits: None, bytes: values * 4, rise: 0.0 },
        ]
    }

    fn ladders() -> Vec<Ladder> {
        vec![
            ladder(64, 0.30, 0.02),
            ladder(4096, 0.05, 0.001),
            ladder(1024, 0.20, 0.004),
            ladder(256, 0.01, 0.0),
        ]
    }

    fn rise(ladders: &[Ladder], at: &[usize]) -> f64 {
        ladders.iter().zip(at).map(|(ladder, at)| ladder[*at].rise).sum()
    }

    /// Every choice there is.
    fn all(ladders: &[Ladder]) -> Vec<Vec<usize>> {
        ladders.iter().fold(vec![Vec::new()], |all, ladder| {
            let longer =
                |begun: Vec<usize>| (0..ladder.len()).map(move |at| [begun.clone(), vec![at]].concat());
            all.into_iter().flat_map(longer).collect()
        })
    }

    fn found(budgets: Budgets) -> Result<Vec<usize>, Interrupt> {
        let ladders = ladders();
        choose(&ladders, budgets, |at| Ok(rise(&ladders, at)))
    }

    #[test]
    fn a_size_is_kept_at_no_more_loss_than_the_best_of_all_choices() {
        let ladders = ladders();
        let (least, most) = (size(&ladders, 100, &[0; 4]), size(&ladders, 100, &[2; 4]));
        for part in 0..=20 {
            let bytes = least + (most - least - 1) * part / 20;
            let at = found(Budgets { bytes: Some(bytes), rest: 100, loss: None }).expect("it can be kept");
            assert!(size(&ladders, 100, &at) <= bytes);
            let fits = all(&ladders).into_iter().filter(|at| size(&ladders, 100, at) <= bytes);
            let best = fits.map(|at| rise(&ladders, &at)).fold(f64::INFINITY, f64::min);
            assert!(rise(&ladders, &at) <= best + 1e-12, "{bytes}: {at:?} {best}");
        }
    }

    #[test]
    fn a_loss_is_kept_and_layers_that_cost_nothing_keep_their_few_bits() {
        let ladders = ladders();
        for most in [0.001, 0.01, 0.1, 0.3] {
            let at = found(Budgets { loss: Some(most), ..Budgets::default() }).expect("it can be kept");
            assert!(rise(&ladders, &at) <= most);
            assert!(at.iter().any(|at| *at < 2));
        }
        assert_eq!(found(Budgets { loss: Some(1.0), ..Budgets::default() }).expect("kept"), [0; 4]);
        assert_eq!(found(Budgets::default()).expect("kept"), [0; 4]);
    }

    #[test]
    fn what_cannot_be_kept_is_said() {
        let refused = |budgets| match found(budgets) {
            Err(Interrupt::Failed(failure)) => failure.message,
            other => panic!("{other:?}"),
        };
        let bytes = |bytes| Budgets { bytes: Some(bytes), rest: 100, loss: None };
        assert!(refused(bytes(50)).contains("cannot be kept"));
        let roomy = choose(&ladders()[..1], bytes(1_000_000), |_| Ok(0.0));
        assert!(matches!(roomy, Err(Interrupt::Failed(failure)) if failure.message.contains("as it is")));
        let both = Budgets { loss: Some(0.02), ..bytes(3000) };
        assert!(refused(both).contains("Both budgets"));
        let never = choose(&ladders(), Budgets { loss: Some(0.0), ..Budgets::default() }, |at| {
            Ok(if at == [2; 4] { 0.0 } else { 1.0 })
        });
        assert!(matches!(never, Err(Interrupt::Failed(failure)) if failure.message.contains("No layer")));
    }
}
