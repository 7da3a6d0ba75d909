//! Pictures of the real window: what `ORRERY_SCREENSHOTS=DIR` keeps.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use egui::{Key, Modifiers};

use super::window::Window;

/// Every so many pixels are looked at: enough to tell a page from an empty one.
const STEP: usize = 7;

/// The pictures of one window.
pub struct Pictures {
    folder: PathBuf,
    /// Both themes of every page are kept.
    kept: bool,
    /// Both themes of a page were looked at.
    both: bool,
}

impl Pictures {
    /// Into `ORRERY_SCREENSHOTS`, else beside the workspace.
    pub fn of(home: &Path) -> Self {
        let asked = std::env::var_os("ORRERY_SCREENSHOTS").map(PathBuf::from);
        let kept = asked.is_some();
        let folder = asked.unwrap_or_else(|| home.with_file_name("pictures"));
        fs::create_dir_all(&folder).expect("a folder for pictures");
        Self { folder, kept, both: false }
    }

    /// Takes a picture of the page in dark, and checks that it shows something of its own; in light, too, where pictures are kept, and
    /// of the window's first page.
    pub fn take(&mut self, window: &mut Window, page: &str) {
        let dark = self.one(window, page, "dark");
        assert!(dark < 100, "dark is dark: {dark}");
        if self.kept || !self.both {
            let switch = Modifiers::COMMAND | Modifiers::SHIFT;
            window.key(Key::L, switch);
            let light = self.one(window, page, "light");
            assert!(light > 150, "light is light: {light}");
            window.key(Key::L, switch);
            self.both = true;
        }
    }

    /// Takes one picture; how bright it is, 0 to 255.
    fn one(&self, window: &mut Window, page: &str, theme: &str) -> u64 {
        let path = self.folder.join(format!("{page}-{theme}.png"));
        let image = window.screenshot(&path);
        let pixels: Vec<[u8; 4]> = image.pixels().step_by(STEP).map(|pixel| pixel.0).collect();
        let colours: HashSet<&[u8; 4]> = pixels.iter().collect();
        assert!(colours.len() > 50, "{} shows {} colours only", path.display(), colours.len());
        pixels.iter().map(|pixel| u64::from(pixel[1])).sum::<u64>() / pixels.len() as u64
    }
}
