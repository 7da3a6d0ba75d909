//! Icons: the Material symbols the window uses, by what they mean here.

use egui::{FontFamily, FontId, RichText};
use egui_material_icons::icons as symbols;

use crate::theme::{ICONS, State, Theme, size};

/// A symbol of the icon font.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icon(&'static str);

macro_rules! icons {
    ($($(#[$doc:meta])* $name:ident = $symbol:ident;)*) => {
        $($(#[$doc])* pub const $name: Icon = Icon(symbols::$symbol.codepoint);)*
        /// Every icon, for the test that each has a glyph.
        pub const ALL: &[Icon] = &[$($name),*];
    };
}

icons! {
    /// Page Home.
    HOME = ICON_HOME;
    /// Page Data.
    DATA = ICON_TABLE;
    /// Page Train.
    TRAIN = ICON_MODEL_TRAINING;
    /// Page Runs.
    RUNS = ICON_SHOW_CHART;
    /// Page Models.
    MODELS = ICON_DEPLOYED_CODE;
    /// Page Explain.
    EXPLAIN = ICON_LIGHTBULB;
    /// Page Compare.
    COMPARE = ICON_COMPARE_ARROWS;
    /// Page Compress.
    COMPRESS = ICON_COMPRESS;
    /// Page Search.
    TRIALS = ICON_QUERY_STATS;
    /// Page Tune.
    TUNE = ICON_TUNE;
    /// Page Deployments.
    DEPLOYMENTS = ICON_ROCKET_LAUNCH;
    /// Page Fleet.
    FLEET = ICON_DNS;
    /// Page Traffic.
    TRAFFIC = ICON_ALT_ROUTE;
    /// Page Drills.
    DRILLS = ICON_CRISIS_ALERT;
    /// Roll a version out.
    DEPLOY = ICON_ROCKET_LAUNCH;
    /// Page Settings.
    SETTINGS = ICON_SETTINGS;
    /// A window of its own.
    TEAR_OFF = ICON_OPEN_IN_NEW;
    /// Back from there.
    BACK_IN = ICON_OPEN_IN_BROWSER;
    /// Search.
    SEARCH = ICON_SEARCH;
    /// Open a file.
    OPEN = ICON_FOLDER_OPEN;
    /// A file.
    FILE = ICON_DESCRIPTION;
    /// A sample.
    SAMPLE = ICON_DATASET;
    /// Save, export.
    EXPORT = ICON_DOWNLOAD;
    /// Copy.
    COPY = ICON_CONTENT_COPY;
    /// Delete.
    DELETE = ICON_DELETE;
    /// Bring back, undo.
    UNDO = ICON_UNDO;
    /// Start.
    START = ICON_PLAY_ARROW;
    /// Pause.
    PAUSE = ICON_PAUSE;
    /// Cancel, stop.
    STOP = ICON_STOP;
    /// Rename, edit.
    EDIT = ICON_EDIT;
    /// A note.
    NOTE = ICON_NOTES;
    /// Measure again, refresh.
    REFRESH = ICON_REFRESH;
    /// Predict.
    PREDICT = ICON_BATCH_PREDICTION;
    /// Close, dismiss.
    CLOSE = ICON_CLOSE;
    /// Good.
    OK = ICON_CHECK_CIRCLE;
    /// Computing.
    RUNNING = ICON_PROGRESS_ACTIVITY;
    /// Waiting.
    WAITING = ICON_SCHEDULE;
    /// Warning.
    WARNING = ICON_WARNING;
    /// Failed.
    FAILED = ICON_ERROR;
    /// Unknown.
    UNKNOWN = ICON_HELP;
    /// Information.
    INFO = ICON_INFO;
    /// Fold closed.
    EXPAND = ICON_CHEVRON_RIGHT;
    /// The one before.
    BACK = ICON_CHEVRON_LEFT;
    /// The one after.
    FORTH = ICON_CHEVRON_RIGHT;
    /// Fold open, menu.
    COLLAPSE = ICON_EXPAND_MORE;
    /// Sort ascending.
    UP = ICON_ARROW_UPWARD;
    /// Sort descending.
    DOWN = ICON_ARROW_DOWNWARD;
    /// From here to there.
    FORWARD = ICON_ARROW_FORWARD;
    /// Columns of a table.
    COLUMNS = ICON_VIEW_COLUMN;
    /// Filter.
    FILTER = ICON_FILTER_LIST;
    /// Notices.
    NOTICES = ICON_NOTIFICATIONS;
    /// The rail, wide or narrow.
    RAIL = ICON_MENU;
    /// The inspector.
    INSPECTOR = ICON_RIGHT_PANEL_OPEN;
    /// Light theme.
    LIGHT = ICON_LIGHT_MODE;
    /// Dark theme.
    DARK = ICON_DARK_MODE;
    /// Larger text.
    LARGER = ICON_TEXT_INCREASE;
    /// Smaller text.
    SMALLER = ICON_TEXT_DECREASE;
    /// A device.
    DEVICE = ICON_MEMORY;
    /// A folder, the workspace.
    FOLDER = ICON_FOLDER;
    /// Keyboard.
    KEYBOARD = ICON_KEYBOARD;
    /// Outbound connections.
    NETWORK = ICON_LAN;
    /// Leave the program.
    QUIT = ICON_LOGOUT;
    /// Reset to the default.
    RESET = ICON_RESTART_ALT;
    /// Read only.
    LOCKED = ICON_LOCK;
    /// Anything more.
    MORE = ICON_MORE_HORIZ;
    /// Add.
    ADD = ICON_ADD;
    /// Take away, zoom out.
    REMOVE = ICON_REMOVE;
    /// Text size.
    TEXT = ICON_TEXT_FIELDS;
    /// Appearance.
    APPEARANCE = ICON_PALETTE;
}

impl Icon {
    /// The icon as text of `points`.
    pub fn text(self, points: f32) -> RichText {
        RichText::new(self.0).font(FontId::new(points, FontFamily::Name(ICONS.into())))
    }

    /// The icon beside body text.
    pub fn small(self) -> RichText {
        self.text(size::ICON)
    }

    /// Its character.
    pub fn glyph(self) -> &'static str {
        self.0
    }
}

/// The icon of a state.
pub fn of_state(state: State) -> Icon {
    match state {
        State::Ok => OK,
        State::Running => RUNNING,
        State::Waiting => WAITING,
        State::Warning => WARNING,
        State::Failed => FAILED,
        State::Unknown => UNKNOWN,
    }
}

/// The icon of a state in its colour.
pub fn state_text(theme: &Theme, state: State) -> RichText {
    of_state(state).small().color(theme.state(state))
}
