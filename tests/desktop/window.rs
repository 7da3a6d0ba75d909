//! The real window of the real program, driven through the inspection port by role and label.

use std::{
    fs::File,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use egui::{
    Event, Key, Modifiers, PointerButton, Pos2,
    accesskit::{Action, ActionData, ActionRequest, Node, NodeId, Role, TreeId, TreeUpdate},
};
use egui_inspection::{Request, Response, protocol};

use super::display::Display;

/// A started window. Ends with the value.
pub struct Window {
    process: Child,
    stream: TcpStream,
    _display: Display,
}

/// The accessibility tree of one frame.
pub struct Tree(TreeUpdate);

/// What a person sees of a node: its label, else its value.
fn words(node: &Node) -> &str {
    node.label().or_else(|| node.value()).unwrap_or_default()
}

impl Tree {
    /// Every node.
    pub fn nodes(&self) -> impl Iterator<Item = &(NodeId, Node)> {
        self.0.nodes.iter()
    }

    /// Whether any node's words contain `text`.
    pub fn says(&self, text: &str) -> bool {
        self.nodes().any(|(_, node)| {
            [node.label(), node.value(), node.description()]
                .into_iter()
                .flatten()
                .any(|words| words.contains(text))
        })
    }

    /// Whether what is typed goes into the window's question for a path.
    fn asks_for_a_path(&self) -> bool {
        let node = |id: NodeId| self.nodes().find(|(known, _)| *known == id).map(|(_, node)| node);
        let Some(focused) = node(self.0.focus) else { return false };
        let mut labels = focused.labelled_by().iter().filter_map(|id| node(*id));
        labels.any(|label| words(label).starts_with("Path of the "))
    }

    /// All words, for a failure's message.
    pub fn text(&self) -> String {
        let lines: Vec<String> = self
            .nodes()
            .filter(|(_, node)| !words(node).is_empty())
            .map(|(_, node)| format!("{:?} {:?}", node.role(), words(node)))
            .collect();
        lines.join("\n")
    }
}

impl Window {
    /// Opens the program's window on `home` and waits until it answers.
    ///
    /// # Panics
    /// When the display or the program does not come up in 60 s.
    pub fn open(home: &Path, size: &str, arguments: &[&str]) -> Self {
        let display = Display::start(size).expect("a virtual display");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let log = File::create(home.with_extension("window.log")).expect("a log file");
        let process = Command::new(env!("CARGO_BIN_EXE_orrery"))
            .args(["--home".as_ref(), home.as_os_str()])
            .args(arguments)
            .env("DISPLAY", display.name())
            .env_remove("WAYLAND_DISPLAY")
            .env("VK_ICD_FILENAMES", super::LAVAPIPE)
            .env("EGUI_INSPECTION", format!("127.0.0.1:{port}"))
            .env("NO_AT_BRIDGE", "1")
            // Nothing here could drive the desktop's dialog.
            .env("ORRERY_FILE_DIALOG", "window")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let stream = connect(port);
        let mut window = Self { process, stream, _display: display };
        let (width, height) = size.split_once('x').expect("WIDTHxHEIGHT");
        let resize = Request::Resize {
            width: width.parse().expect("a number"),
            height: height.parse().expect("a number"),
        };
        window.ask(&resize);
        window
    }

    fn ask(&mut self, request: &Request) -> Response {
        protocol::write_message(&mut self.stream, request).expect("the window takes a request");
        protocol::read_message(&mut self.stream).expect("the window answers")
    }

    /// The tree of a fresh frame.
    pub fn tree(&mut self) -> Tree {
        match self.ask(&Request::GetTree) {
            Response::Tree { accesskit: Some(tree), .. } => Tree(tree),
            other => panic!("the window has no accessibility tree: {other:?}"),
        }
    }

    /// Waits until `holds`, looking ten times a second.
    ///
    /// # Panics
    /// With all the window's words, when it does not hold after `secs`.
    pub fn wait(&mut self, what: &str, secs: u64, holds: impl Fn(&Tree) -> bool) -> Tree {
        let end = Instant::now() + Duration::from_secs(secs);
        loop {
            let tree = self.tree();
            if holds(&tree) {
                return tree;
            }
            assert!(Instant::now() < end, "waited {secs} s for {what}; the window says:\n{}", tree.text());
            sleep(Duration::from_millis(100));
        }
    }

    /// Waits for a text anywhere in the window.
    pub fn wait_text(&mut self, text: &str, secs: u64) -> Tree {
        self.wait(text, secs, |tree| tree.says(text))
    }

    /// Clicks the node of that role and label once it is there.
    pub fn click(&mut self, role: Role, label: &str) {
        self.click_where(label, |node| node.role() == role && words(node) == label);
    }

    /// Clicks the button, choice or tab of that label.
    pub fn press(&mut self, label: &str) {
        const PRESSABLE: [Role; 5] = [Role::Button, Role::RadioButton, Role::CheckBox, Role::Tab, Role::Link];
        self.click_where(label, |node| {
            PRESSABLE.contains(&node.role()) && !node.is_disabled() && words(node) == label
        });
    }

    /// Activates the button of that label as a screen reader does, wherever it is scrolled to.
    pub fn activate(&mut self, label: &str) {
        let is_it = |node: &Node| node.role() == Role::Button && words(node) == label;
        self.act(label, Action::Click, None, is_it);
    }

    /// Puts a text into the input of that label, whatever was in it, as a screen reader does.
    pub fn fill(&mut self, label: &str, text: &str) {
        let is_it = |node: &Node| node.role() == Role::TextInput && words(node) == label;
        self.act(label, Action::SetValue, Some(ActionData::Value(text.into())), is_it);
    }

    /// Scrolls to where those words stand.
    pub fn scroll_to(&mut self, text: &str) {
        self.act(text, Action::ScrollIntoView, None, |node| words(node) == text);
    }

    fn act(&mut self, what: &str, action: Action, data: Option<ActionData>, is_it: impl Fn(&Node) -> bool) {
        let found = |tree: &Tree| tree.nodes().find(|(_, node)| is_it(node)).map(|(id, _)| *id);
        let target_node = found(&self.wait(what, 20, |tree| found(tree).is_some())).expect("waited for it");
        let target_tree = TreeId::ROOT;
        self.send(vec![Event::AccessKitActionRequest(ActionRequest {
            action,
            target_tree,
            target_node,
            data,
        })]);
    }

    /// Answers the window's question for a path.
    pub fn answer_path(&mut self, path: &Path) {
        self.wait("the question for a path", 20, Tree::asks_for_a_path);
        self.key(Key::A, Modifiers::COMMAND);
        self.type_text(path.to_str().expect("UTF-8"));
        self.key(Key::Enter, Modifiers::NONE);
    }

    fn click_where(&mut self, label: &str, is_it: impl Fn(&Node) -> bool) {
        let found =
            |tree: &Tree| tree.nodes().map(|(_, node)| node).find(|n| is_it(n)).and_then(Node::bounds);
        // A dialog takes a few frames to find its place: what is still moving is not hit.
        let mut before = None;
        let mut bounds = found(&self.wait(label, 20, |tree| found(tree).is_some()));
        while bounds.is_none() || bounds != before {
            sleep(Duration::from_millis(40));
            before = bounds;
            bounds = found(&self.wait(label, 20, |tree| found(tree).is_some()));
        }
        let bounds = bounds.expect("waited for it");
        let middle = Pos2::new(
            f64::midpoint(bounds.x0, bounds.x1) as f32,
            (f64::midpoint(bounds.y0, bounds.y1)) as f32,
        );
        let button = |pressed| Event::PointerButton {
            pos: middle,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.send(vec![Event::PointerMoved(middle)]);
        // In one frame: what is held for longer than 0.8 s is no click, and a frame may take that long on a busy machine.
        self.send(vec![button(true), button(false)]);
    }

    /// Presses and releases a key.
    pub fn key(&mut self, key: Key, modifiers: Modifiers) {
        let event = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
        self.send(vec![event(true)]);
        self.send(vec![event(false)]);
    }

    /// Types into what has the focus.
    pub fn type_text(&mut self, text: &str) {
        self.send(vec![Event::Text(text.to_owned())]);
    }

    fn send(&mut self, events: Vec<Event>) {
        match self.ask(&Request::ApplyEvents { events }) {
            Response::Done => {}
            other => panic!("the window did not take the input: {other:?}"),
        }
    }

    /// Saves what the window shows as a PNG and returns the picture.
    pub fn screenshot(&mut self, path: &Path) -> image::RgbaImage {
        self.ask(&Request::Settle { max_steps: 20 });
        let Response::Screenshot(png) = self.ask(&Request::GetScreenshot { pixels_per_point: None }) else {
            panic!("the window gives no picture");
        };
        std::io::Write::write_all(&mut File::create(path).expect("a picture file"), &png.bytes)
            .expect("it is written");
        image::load_from_memory(&png.bytes).expect("a PNG").to_rgba8()
    }

    /// Kills the program as a crash would.
    pub fn kill(mut self) {
        self.process.kill().expect("the program runs");
        self.process.wait().ok();
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Connects to the inspection port, waiting for the program to open it.
fn connect(port: u16) -> TcpStream {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout can be set");
            let version = protocol::read_handshake(&mut stream).expect("an inspection port");
            assert_eq!(version, protocol::PROTOCOL_VERSION);
            return stream;
        }
        assert!(Instant::now() < end, "the window did not open its inspection port in 60 s");
        sleep(Duration::from_millis(100));
    }
}
