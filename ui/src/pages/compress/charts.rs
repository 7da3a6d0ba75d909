//! Pictures of a compression: what is left of each figure, and what each layer alone costs.

use std::borrow::Cow;

use egui::Ui;
use orrery_domain::compress::{CompressReport, CompressedFigures, LayerCost, Spread};

use crate::{
    context::PageContext,
    format,
    widgets::{
        card,
        chart::range,
        strips::{Strip, Strips, strips_card},
        table_csv::csv,
    },
};

/// Layers that are drawn; the file has all.
const LAYERS: usize = 24;

/// A figure of both models, in `unit`.
struct Pair {
    name: &'static str,
    unit: &'static str,
    before: Spread,
    after: Spread,
}

impl Pair {
    /// After over before; 1 is as before.
    fn share(&self) -> f64 {
        self.after.median / self.before.median
    }

    fn words(&self, value: f64) -> String {
        match self.unit {
            "bytes" => format::bytes(value as u64),
            "seconds" => format::duration(value),
            _ => format::count(value as u64),
        }
    }

    fn strip(&self) -> Strip {
        let (before, after) = (self.words(self.before.median), self.words(self.after.median));
        let share = self.share();
        Strip {
            name: self.name.to_owned(),
            value: format!("{share:.2}"),
            bar: Some((0.0, share)),
            // What reads as 1.00 is not worse.
            color: usize::from(share >= 1.005),
            spoken: format!("{}: {before} before, {after} after, {share:.2} of before", self.name),
            ..Strip::default()
        }
    }
}

fn exact(count: u64) -> Spread {
    let value = count as f64;
    Spread { median: value, low: value, high: value }
}

/// The figures that both models have.
fn pairs(report: &CompressReport) -> Vec<Pair> {
    type Of = fn(&CompressedFigures) -> Option<Spread>;
    let all: [(&'static str, &'static str, Of); 6] = [
        ("Parameters", "count", |found| Some(exact(found.parameters))),
        ("Bytes on disk", "bytes", |found| Some(exact(found.bytes))),
        ("Time of one row", "seconds", |found| Some(found.speed.as_ref()?.row_secs)),
        ("Time of 64 rows", "seconds", |found| Some(found.speed.as_ref()?.batch_secs)),
        ("Memory added", "bytes", |found| found.speed.as_ref()?.added_memory_bytes.map(exact)),
        ("Peak memory", "bytes", |found| found.speed.as_ref()?.peak_memory_bytes.map(exact)),
    ];
    let pair = |(name, unit, of): (&'static str, &'static str, Of)| {
        let (before, after) = of(&report.before).zip(of(&report.after))?;
        (before.median > 0.0).then_some(Pair { name, unit, before, after })
    };
    all.into_iter().filter_map(pair).collect()
}

/// Draws them, side by side where there is room.
pub(super) fn show(report: &CompressReport, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let count = 1 + usize::from(!report.layers.is_empty());
    card::beside(
        ui,
        count,
        900.0,
        |part, ui| {
            if part == 0 { shares(report, ctx, ui) } else { layers(report, ctx, ui) }
        },
    );
}

fn shares(report: &CompressReport, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let pairs = pairs(report);
    let most = pairs.iter().map(Pair::share).fold(1.0, f64::max);
    let words: Vec<String> =
        pairs.iter().map(|pair| format!("{} {:.2}", pair.name.to_lowercase(), pair.share())).collect();
    let chart = Strips {
        title: "Shares of before",
        x_name: "After, as a share of before; the line is as before",
        x: (0.0, most * 1.08),
        zero: Some(1.0),
        strips: pairs.iter().map(Pair::strip).collect(),
        summary: words.join(", "),
    };
    strips_card(&chart, || shares_csv(&pairs), ctx, ui);
}

/// The layers, the most costly first.
fn by_cost(report: &CompressReport) -> Vec<&LayerCost> {
    let mut all: Vec<&LayerCost> = report.layers.iter().collect();
    all.sort_by(|a, b| b.loss_rise.total_cmp(&a.loss_rise));
    all
}

fn layers(report: &CompressReport, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let layers = by_cost(report);
    let shown = &layers[..layers.len().min(LAYERS)];
    let strip = |cost: &&LayerCost| {
        let percent = format!("{:+.4}%", cost.loss_rise * 100.0);
        Strip {
            name: cost.layer.clone(),
            spoken: format!(
                "{}: loss {percent} with this layer alone quantized; made of {}",
                cost.layer,
                cost.form().to_lowercase()
            ),
            value: percent,
            bar: Some((0.0, cost.loss_rise * 100.0)),
            color: usize::from(!cost.quantized),
            ..Strip::default()
        }
    };
    let first = shown.first().map_or_else(String::new, |cost| format!("{} costs most", cost.layer));
    let cut = if shown.len() < layers.len() {
        format!("; {} of {} layers are drawn", shown.len(), format::count(layers.len() as u64))
    } else {
        String::new()
    };
    let chart = Strips {
        title: "Sensitivity of layers",
        x_name: "Change of the loss with the layer alone quantized, %",
        x: range(shown.iter().map(|cost| cost.loss_rise * 100.0).chain([0.0])),
        zero: Some(0.0),
        strips: shown.iter().map(strip).collect(),
        summary: format!("{first}{cut}; layers kept as floats have a colour of their own"),
    };
    strips_card(&chart, || layers_csv(&layers), ctx, ui);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn shares_csv(pairs: &[Pair]) -> String {
    let head = [
        "figure",
        "unit",
        "before",
        "before_low",
        "before_high",
        "after",
        "after_low",
        "after_high",
        "share",
    ];
    let line = |pair: &Pair| -> Vec<Cow<'static, str>> {
        let (before, after) = (pair.before, pair.after);
        let numbers =
            [before.median, before.low, before.high, after.median, after.low, after.high, pair.share()];
        let words = [pair.name, pair.unit].map(Cow::Borrowed);
        words.into_iter().chain(numbers.map(|number| Cow::Owned(number.to_string()))).collect()
    };
    text(&csv(&head, pairs.iter().map(line)))
}

fn layers_csv(layers: &[&LayerCost]) -> String {
    let line = |cost: &&LayerCost| -> Vec<Cow<'static, str>> {
        let bits = cost.bits.map_or_else(String::new, |bits| bits.to_string());
        let cells = [
            cost.layer.clone(),
            cost.parameters.to_string(),
            cost.loss_rise.to_string(),
            cost.quantized.to_string(),
            bits,
        ];
        cells.into_iter().map(Cow::Owned).collect()
    };
    text(&csv(&["layer", "parameters", "loss_change", "quantized", "bits"], layers.iter().map(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &'static str, unit: &'static str, before: f64, after: f64) -> Pair {
        let spread = |median: f64| Spread { median, low: median / 2.0, high: median * 2.0 };
        Pair { name, unit, before: spread(before), after: spread(after) }
    }

    #[test]
    fn what_grew_is_told_apart_from_what_shrank() {
        let (less, more) = (pair("Bytes", "bytes", 4096.0, 1024.0), pair("Time", "seconds", 2.0, 3.0));
        let (less, more) = (less.strip(), more.strip());
        assert_eq!((less.value.as_str(), less.color, less.bar), ("0.25", 0, Some((0.0, 0.25))));
        assert_eq!((more.value.as_str(), more.color, more.bar), ("1.50", 1, Some((0.0, 1.5))));
        assert_eq!(less.spoken, "Bytes: 4.00 KiB before, 1.00 KiB after, 0.25 of before");
    }

    #[test]
    fn the_file_has_every_figure_with_its_spread() {
        let text = shares_csv(&[pair("Time of one row", "seconds", 2.0, 3.0)]);
        assert!(text.ends_with("\r\nTime of one row,seconds,2,1,4,3,1.5,6,1.5\r\n"), "{text}");
    }

    #[test]
    fn a_layer_named_like_a_formula_is_disarmed() {
        let cost = LayerCost {
            layer: "=cmd()".to_owned(),
            parameters: 12,
            loss_rise: -0.25,
            quantized: true,
            bits: Some(8),
        };
        let text = layers_csv(&[&cost]);
        assert!(text.ends_with("\r\n'=cmd(),12,-0.25,true,8\r\n"), "{text}");
    }
}
