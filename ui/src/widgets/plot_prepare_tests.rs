//! Preparing curves: the same picture as from scratch, for what it grew by.

use orrery_domain::run::SeriesPoint;

use super::*;

fn wave(step: u64) -> SeriesPoint {
    SeriesPoint { step, secs: step as f64 * 0.5, value: (step as f64 * 0.37).sin() + 2.0 }
}

fn curve(key: &str, points: Series) -> Curve {
    Curve { key: key.to_owned(), name: key.to_owned(), color: 0, dashed: false, points, x: CurveX::Step }
}

fn view(from: f64, to: f64) -> InView {
    InView { from, to, pixels: 1_000.0 }
}

/// Prepares everything, in as many frames as it takes; returns how many.
fn finish(prepared: &mut PreparedCurves, curves: &[Curve], shape: Shape, view: InView) -> u32 {
    for frame in 1.. {
        let mut budget = Budget::default();
        if prepared.update(curves, shape, view, &mut budget) {
            return frame;
        }
    }
    unreachable!("every frame prepares at least one curve")
}

fn scratch(curve: &Curve, shape: Shape, view: InView) -> PreparedCurves {
    let mut prepared = PreparedCurves::default();
    finish(&mut prepared, std::slice::from_ref(curve), shape, view);
    prepared
}

fn pairs(points: &[PlotPoint]) -> Vec<(u64, u64)> {
    points.iter().map(|point| (point.x.to_bits(), point.y.to_bits())).collect()
}

#[test]
fn a_growing_curve_looks_as_if_made_from_scratch() {
    for shape in [Shape::default(), Shape { smoothing: 0.9, log_y: true }] {
        let mut series: Series = (0..5_000).map(wave).collect();
        let mut prepared = PreparedCurves::default();
        for step in 5_000..5_300 {
            series.push(wave(step));
            let now = curve("a", series.clone());
            let view = view(0.0, 5_300.0);
            finish(&mut prepared, std::slice::from_ref(&now), shape, view);
            if step % 37 == 0 {
                let fresh = scratch(&now, shape, view);
                let (mine, theirs) = (prepared.get("a").expect("there"), fresh.get("a").expect("there"));
                assert_eq!(pairs(&mine.drawn_raw), pairs(&theirs.drawn_raw));
                assert_eq!(pairs(&mine.drawn_smooth), pairs(&theirs.drawn_smooth));
            }
        }
    }
}

#[test]
fn a_resumed_run_replaces_what_it_repeats() {
    let mut series: Series = (0..4).map(wave).collect();
    series.extend([2, 3, 4].map(|step| SeriesPoint { value: 9.0, ..wave(step) }));
    let prepared = scratch(&curve("a", series.clone()), Shape::default(), view(0.0, 5.0));
    let raw = &prepared.get("a").expect("there").raw;
    assert_eq!(raw.iter().map(|[x, _]| *x as u64).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!((raw[2][1] - 9.0).abs() < 1e-12);
    // And a curve cut short is made anew.
    let mut again = prepared;
    series.truncate_after(1);
    finish(&mut again, &[curve("a", series)], Shape::default(), view(0.0, 5.0));
    assert_eq!(again.get("a").expect("there").raw.len(), 2);
}

#[test]
fn smoothing_keeps_a_constant_and_starts_without_bias() {
    let smooth = |values: &[f64], weight: f64| {
        let point =
            |(step, value): (usize, &f64)| SeriesPoint { step: step as u64, secs: 0.0, value: *value };
        let series = values.iter().enumerate().map(point).collect();
        let shape = Shape { smoothing: weight, log_y: false };
        scratch(&curve("a", series), shape, view(0.0, 50.0)).get("a").expect("there").smooth.clone()
    };
    assert!(smooth(&[3.0; 50], 0.9).iter().all(|[_, y]| (y - 3.0).abs() < 1e-12));
    // By hand: (0.5*2 + 0.25*1) / 0.75, then (0.5*4 + 0.25*2 + 0.125*1) / 0.875.
    for (got, wanted) in smooth(&[1.0, 2.0, 4.0], 0.5).iter().zip([1.0, 1.25 / 0.75, 2.625 / 0.875]) {
        assert!((got[1] - wanted).abs() < 1e-12, "{got:?} is not {wanted}");
    }
    assert!(smooth(&[1.0, 2.0], 0.0).is_empty());
}

#[test]
fn a_spike_of_one_sample_is_drawn_at_every_zoom_and_while_the_curve_grows() {
    let spike = 54_321;
    let flat = |step| SeriesPoint { value: if step == spike { 9.0 } else { 1.0 }, ..wave(step) };
    let mut series: Series = (0..100_000).map(flat).collect();
    let mut prepared = PreparedCurves::default();
    let shows = |prepared: &PreparedCurves| {
        let drawn = &prepared.get("a").expect("there").drawn_raw;
        drawn.iter().any(|point| (point.y - 9.0).abs() < 1e-12 && (point.x - spike as f64).abs() < 1e-9)
    };
    let spans = [(0.0, 100_000.0), (50_000.0, 60_000.0), (54_000.0, 54_400.0), (54_320.0, 54_322.0)];
    for (from, to) in spans.into_iter().chain([(0.0, 1e6), (54_000.0, 154_000.0)]) {
        finish(&mut prepared, &[curve("a", series.clone())], Shape::default(), view(from, to));
        assert!(shows(&prepared), "lost between {from} and {to}");
        let drawn = prepared.get("a").expect("there").drawn_raw.len();
        assert!(drawn <= 4 * 2 * 2_001, "{drawn} points for 1,000 pixels");
    }
    for step in 100_000..100_050 {
        series.push(flat(step));
        finish(&mut prepared, &[curve("a", series.clone())], Shape::default(), view(0.0, 100_100.0));
        assert!(shows(&prepared), "lost at {step}");
    }
}

#[test]
fn twenty_long_curves_are_computed_once_and_then_cost_what_they_grow_by() {
    let mut all: Vec<Series> = (0..20).map(|_| (0..100_000).map(wave).collect()).collect();
    let curves = |all: &[Series]| -> Vec<Curve> {
        all.iter().enumerate().map(|(index, series)| curve(&index.to_string(), series.clone())).collect()
    };
    let mut prepared = PreparedCurves::default();
    let shape = Shape { smoothing: 0.6, log_y: false };
    let shown = curves(&all);
    finish(&mut prepared, &shown, shape, view(0.0, 100_000.0));
    assert_eq!(prepared.computed, 20);
    let begun = Instant::now();
    for pan in 0..10 {
        finish(&mut prepared, &shown, shape, view(f64::from(pan), 100_000.0 + f64::from(pan)));
    }
    assert_eq!(prepared.computed, 20, "nothing changed, nothing computed");
    assert!(begun.elapsed() < Duration::from_millis(16), "{:?}", begun.elapsed());
    let mut worst = Duration::ZERO;
    for step in 100_000..100_010 {
        all.iter_mut().for_each(|series| series.push(wave(step)));
        let shown = curves(&all);
        let begun = Instant::now();
        let frames = finish(&mut prepared, &shown, shape, view(0.0, 100_010.0));
        worst = worst.max(begun.elapsed() / frames);
    }
    assert!(worst < Duration::from_millis(16), "a live frame of 20 curves took {worst:?}");
    finish(&mut prepared, &shown[..3], shape, view(0.0, 50_000.0));
    assert!(prepared.get("7").is_none(), "a curve that is gone is forgotten");
}
