//! Memory: what reading a hostile body allocates is counted, and bounded by its size.
#![expect(unsafe_code, reason = "an allocator that counts can only be written so")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use orrery_oip::{
    DecodeOptions, Dialect, Limits,
    control::{self, LoadRequest, ModelMetadata, RepositoryIndex, StatisticsResponse},
    decode_request,
};

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
    static TOTAL: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn grow(bytes: usize) {
    let held = HELD.get().saturating_add(bytes);
    HELD.set(held);
    TOTAL.set(TOTAL.get().saturating_add(bytes));
    PEAK.set(PEAK.get().max(held));
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.set(HELD.get().saturating_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    // `realloc` is the default: a new block while the old one is held, the worst case.
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes held at once while `read` ran, beyond those held before.
fn peak(read: impl FnOnce()) -> usize {
    let before = HELD.get();
    PEAK.set(before);
    read();
    PEAK.get() - before
}

/// The most that reading may hold, for each byte of the body.
const TIMES: usize = 16;
/// The most that reading may allocate and give back again, for each byte: no part of a body is copied over and over.
const TOTAL_TIMES: usize = 32;
/// And for a body of no size: messages of errors.
const PLUS: usize = 4096;

fn filled(head: &str, piece: &str, tail: &str) -> Vec<u8> {
    let count = (1 << 20) / piece.len();
    let mut text = head.to_owned() + &piece.repeat(count);
    text.truncate(text.trim_end_matches(',').len());
    (text + tail).into_bytes()
}

/// A long text of escapes, then many unknown fields.
fn unknown(head: &str, tail: &str) -> Vec<u8> {
    let text = head.to_owned() + &"\\n".repeat(100_000) + "\"" + &",\"a\":0".repeat(100_000) + tail;
    text.into_bytes()
}

fn tensor(datatype: &str, count: usize, piece: &str) -> Vec<u8> {
    let head = format!(r#"{{"inputs":[{{"name":"x","datatype":"{datatype}","shape":[{count}],"data":["#);
    filled(&head, piece, "]}]}")
}

fn tail_of(datatype: &str, count: usize, tail: &[u8]) -> (Vec<u8>, Option<usize>) {
    let json = format!(
        r#"{{"inputs":[{{"name":"x","datatype":"{datatype}","shape":[{count}],"parameters":{{"binary_data_size":{}}}}}]}}"#,
        tail.len()
    );
    let header = Some(json.len());
    ([json.as_bytes(), tail].concat(), header)
}

/// Limits so wide that only the codec's own care is left.
fn options() -> DecodeOptions {
    let limits = Limits {
        body_bytes: usize::MAX,
        control_bytes: usize::MAX,
        tensors: usize::MAX,
        elements: usize::MAX,
        dimensions: usize::MAX,
        json_depth: usize::MAX,
        string_bytes: usize::MAX,
        parameters: 256,
    };
    DecodeOptions::of(Dialect::Triton, limits)
}

#[test]
fn a_body_allocates_at_most_a_small_multiple_of_itself() {
    let half = (1 << 20) / 2;
    let huge = usize::MAX >> 5;
    let parameters = (0..256).map(|at| format!("\"{at}\":0")).collect::<Vec<_>>().join(",");
    let bodies: Vec<(&str, Vec<u8>, Option<usize>)> = vec![
        ("FP64 that fits", tensor("FP64", half, "0,"), None),
        ("FP64 of a huge shape", tensor("FP64", huge, "0,"), None),
        ("UINT8 of a huge shape", tensor("UINT8", huge, "0,"), None),
        ("one element of a huge shape", tensor("FP64", huge, &"0".repeat(1 << 20)), None),
        ("BYTES", tensor("BYTES", (1 << 20) / 3, "\"\","), None),
        ("BYTES of a huge shape", tensor("BYTES", huge, "\"\","), None),
        ("BYTES of escapes", tensor("BYTES", (1 << 20) / 9, "\"\\u0041\","), None),
        ("a long shape", filled(r#"{"inputs":[{"name":"x","datatype":"BOOL","shape":["#, "1,", "]}]}"), None),
        (
            "many inputs",
            filled(r#"{"inputs":["#, r#"{"name":"","datatype":"BOOL","shape":[0],"data":[]},"#, "]}"),
            None,
        ),
        ("many outputs", filled(r#"{"outputs":["#, r#"{"name":""},"#, "]}"), None),
        (
            "many parameters",
            filled(r#"{"outputs":["#, &format!(r#"{{"name":"","parameters":{{{parameters}}}}},"#), "]}"),
            None,
        ),
        ("unknown fields behind a long name", unknown(r#"{"inputs":[{"name":""#, "}]}"), None),
        ("unknown fields behind a long id", unknown(r#"{"id":""#, "}"), None),
        ("unknown fields", filled("{", r#""a":[],"#, "}"), None),
        ("deep", filled(r#"{"x":"#, "[", ""), None),
        ("a long id of escapes", filled(r#"{"id":""#, "\\n", "\"}"), None),
        ("white space", filled("{", " ", "}"), None),
    ];
    let empty = vec![0_u8; 1 << 20];
    let (packed, packed_header) = tail_of("BYTES", (1 << 20) / 4, &empty);
    let (short, short_header) = tail_of("FP64", huge, &empty);
    let (sound, sound_header) = tail_of("BOOL", 1 << 20, &empty);
    let binary = [
        ("BYTES of no length", packed, packed_header),
        ("a short tail of a huge shape", short, short_header),
        ("a sound tail", sound, sound_header),
    ];
    for (name, body, header) in bodies.into_iter().chain(binary) {
        let options = options();
        TOTAL.set(0);
        let held = peak(|| drop(decode_request(&body, header, &options)));
        let (total, size) = (TOTAL.get(), body.len() as f64);
        println!("{name}: {:.2} times the body, {:.2} in all", held as f64 / size, total as f64 / size);
        assert!(total <= TOTAL_TIMES * body.len() + PLUS, "{name}: {total} bytes in all for {}", body.len());
        assert!(held <= TIMES * body.len() + PLUS, "{name}: {held} bytes for {}", body.len());
        if header.is_some() {
            assert!(held <= PLUS, "{name}: binary data is borrowed, but {held} bytes were allocated");
        }
    }
}

#[test]
fn a_body_without_tensors_does_as_well() {
    let limits = options().limits;
    let entries = filled("[", r#"{"name":""},"#, "]");
    let tensors = filled(r#"{"name":"m","inputs":["#, r#"{"name":"","datatype":""},"#, "]}");
    let versions = filled(r#"{"name":"m","versions":["#, "\"\",", "]}");
    let unknown = filled(r#"{"name":"m","x":["#, "{},", "]}");
    let batches = filled(
        r#"{"model_stats":[{"name":"m","inference_stats":{},"batch_stats":["#,
        r#"{"batch_size":1},"#,
        "]}]}",
    );
    let files = filled(r#"{"parameters":{"file:1/m":""#, "AAAA", "\"}}");
    let models = filled(r#"{"model_stats":["#, r#"{"name":"","inference_stats":{}},"#, "]}");
    let check = |name: &str, body: &[u8], times: usize, held: usize| {
        println!("{name}: {:.2} times the body", held as f64 / body.len() as f64);
        assert!(held <= times * body.len() + PLUS, "{name}: {held} bytes for {}", body.len());
    };
    check("index", &entries, 32, peak(|| drop(control::decode::<RepositoryIndex>(&entries, &limits))));
    check("inputs", &tensors, TIMES, peak(|| drop(control::decode::<ModelMetadata>(&tensors, &limits))));
    check("versions", &versions, 32, peak(|| drop(control::decode::<ModelMetadata>(&versions, &limits))));
    check("unknown", &unknown, TIMES, peak(|| drop(control::decode::<ModelMetadata>(&unknown, &limits))));
    check(
        "batches",
        &batches,
        TIMES,
        peak(|| drop(control::decode::<StatisticsResponse>(&batches, &limits))),
    );
    check("files", &files, TIMES, peak(|| drop(LoadRequest::decode(&files, &limits))));
    check("models", &models, 32, peak(|| drop(control::decode::<StatisticsResponse>(&models, &limits))));
}
