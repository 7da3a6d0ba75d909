//! What a page gets: references to look at, and an outbox for everything it wants done.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use orrery_domain::{Command, Snapshot};

use crate::{command::UiCommand, draft::Drafts, route::Route, theme::Theme};

/// What a page, a panel or a widget may read, and where it leaves its wishes.
pub struct PageContext<'a> {
    /// Everything the engine knows, at one moment.
    pub snapshot: &'a Arc<Snapshot>,
    /// Colours of the theme in use.
    pub theme: &'a Theme,
    /// Where the window is.
    pub route: &'a Route,
    /// Wishes, executed after the frame in the order they were made.
    pub outbox: &'a mut Outbox,
    /// A command of the window that only this page can execute ([`UiCommand::is_for_page`]).
    /// Ask for it with [`PageContext::invoked`].
    pub invoked: Option<UiCommand>,
    /// Files picked for this page, by the key of the request. Take them with [`PageContext::picked`].
    pub picked: &'a mut BTreeMap<String, PathBuf>,
    /// What was decided about datasets on the way to a training.
    pub drafts: &'a mut Drafts,
    /// Facts about the window itself, for Settings.
    pub window: &'a WindowFacts,
}

/// Facts about the window that no snapshot holds.
#[derive(Clone, Debug, Default)]
pub struct WindowFacts {
    /// The renderer in use: `wgpu` or `OpenGL`, with its adapter.
    pub renderer: String,
    /// Why that one.
    pub renderer_reason: String,
    /// Light, dark or as the system.
    pub theme: ThemeChoice,
    /// Scale of the whole interface, 1 is normal.
    pub scale: f32,
    /// Use the window's own file dialog instead of the desktop's.
    pub own_file_dialog: bool,
}

/// Which theme a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    /// As the desktop.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

impl PageContext<'_> {
    /// Sends a command to the engine.
    pub fn send(&mut self, command: Command) {
        self.outbox.send(command);
    }

    /// Goes somewhere.
    pub fn go(&mut self, route: Route) {
        self.outbox.go(route);
    }

    /// Whether `command` was asked for (by shortcut, palette, menu or button) since the last frame; takes it.
    pub fn invoked(&mut self, command: UiCommand) -> bool {
        if self.invoked == Some(command) {
            self.invoked = None;
            true
        } else {
            false
        }
    }

    /// The file picked for `key` since the last frame, if one was; takes it.
    pub fn picked(&mut self, key: &str) -> Option<PathBuf> {
        self.picked.remove(key)
    }

    /// Whether another window owns the workspace, so that nothing here may change it.
    pub fn read_only(&self) -> bool {
        self.snapshot.workspace.read_only
    }
}

/// Wishes of one frame.
#[derive(Default)]
pub struct Outbox {
    pub(crate) wishes: Vec<Wish>,
}

/// One wish.
pub(crate) enum Wish {
    Send(Command),
    Go(Route),
    Run(UiCommand),
    Pick(PickRequest),
    Set(Preference),
    Toast(orrery_domain::snapshot::Severity, String),
}

/// A preference of the window that Settings changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Preference {
    /// The theme.
    Theme(ThemeChoice),
    /// The scale.
    Scale(f32),
    /// Which file dialog.
    OwnFileDialog(bool),
}

impl Outbox {
    /// Sends a command to the engine.
    pub fn send(&mut self, command: Command) {
        self.wishes.push(Wish::Send(command));
    }

    /// Goes somewhere.
    pub fn go(&mut self, route: Route) {
        self.wishes.push(Wish::Go(route));
    }

    /// Runs a command of the window, if it is enabled.
    pub fn run(&mut self, command: UiCommand) {
        self.wishes.push(Wish::Run(command));
    }

    /// Asks a person for a path; never blocks. The answer becomes a command or reaches the page.
    pub fn pick(&mut self, request: PickRequest) {
        self.wishes.push(Wish::Pick(request));
    }

    /// Changes a preference of the window.
    pub fn set(&mut self, preference: Preference) {
        self.wishes.push(Wish::Set(preference));
    }

    /// Shows a passing message that the engine knows nothing about ("Copied").
    pub fn toast(&mut self, severity: orrery_domain::snapshot::Severity, message: impl Into<String>) {
        self.wishes.push(Wish::Toast(severity, message.into()));
    }
}

/// What kind of path is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickMode {
    /// A file that is there.
    Open,
    /// A file to write.
    Save,
    /// A folder.
    Folder,
}

/// What becomes of the path.
pub enum PickThen {
    /// The page finds it under this key ([`PageContext::picked`]).
    Page(String),
    /// It makes a command.
    Command(Box<dyn FnOnce(PathBuf) -> Command + Send>),
}

/// A question for a path.
pub struct PickRequest {
    /// Title of the dialog.
    pub title: String,
    /// What kind.
    pub mode: PickMode,
    /// Suggested file name (save).
    pub file_name: String,
    /// Filters: a word and the endings without dots.
    pub filters: Vec<(String, Vec<String>)>,
    /// What then.
    pub then: PickThen,
}

/// Endings of the files an import reads.
pub const TABLE_ENDINGS: [&str; 12] =
    ["csv", "tsv", "txt", "gz", "jsonl", "ndjson", "json", "parquet", "pq", "arrow", "feather", "ipc"];

impl PickRequest {
    /// A question for a table to import.
    pub fn import() -> Self {
        Self {
            title: "Open a table".to_owned(),
            mode: PickMode::Open,
            file_name: String::new(),
            filters: vec![("Tables".to_owned(), TABLE_ENDINGS.map(str::to_owned).to_vec())],
            then: PickThen::Command(Box::new(|file| Command::ImportFile {
                file,
                options: orrery_domain::dataset::ImportOptions::default(),
            })),
        }
    }

    /// A question for a folder of pictures to import, one sub-folder a class.
    pub fn import_folder() -> Self {
        Self {
            title: "Import a folder of pictures".to_owned(),
            mode: PickMode::Folder,
            file_name: String::new(),
            filters: Vec::new(),
            then: PickThen::Command(Box::new(|file| Command::ImportFile {
                file,
                options: orrery_domain::dataset::ImportOptions::default(),
            })),
        }
    }

    /// A question for a table whose rows a page looks at; the page asks for the path by that key.
    pub fn rows(title: &str, key: &str) -> Self {
        Self {
            title: title.to_owned(),
            mode: PickMode::Open,
            file_name: String::new(),
            filters: vec![("Tables".to_owned(), TABLE_ENDINGS.map(str::to_owned).to_vec())],
            then: PickThen::Page(key.to_owned()),
        }
    }

    /// A question for where to write `bytes` that the window made.
    pub fn save(title: impl Into<String>, file_name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            title: title.into(),
            mode: PickMode::Save,
            file_name: file_name.into(),
            filters: Vec::new(),
            then: PickThen::Command(Box::new(move |path| Command::SaveFile { path, bytes })),
        }
    }
}
