//! Draws a table: the header, and of the rows only those in view.

use std::ops::Range;

use egui::{
    Align, Align2, Event, EventFilter, Id, Key, Layout, Margin, Modifiers, Rect, Role, ScrollArea, Sense,
    Stroke, StrokeKind, TextWrapMode, Ui, UiBuilder, Vec2, WidgetInfo, WidgetText, pos2, vec2,
};

use super::{
    icon,
    table::{CellAlign, TableColumn, TableHost, TableOutput, TableRows, TableSpec},
    table_csv,
    table_index::Direction,
    table_state::TableState,
};
use crate::theme::{Theme, space};

/// A column narrower than this is of no use.
const NARROWEST: f32 = 40.0;

/// One table, while it is drawn.
struct View<'a> {
    id: Id,
    theme: &'a Theme,
    spec: &'a TableSpec<'a>,
    rows: &'a dyn TableRows,
    /// The columns shown, with left edge and width inside the content.
    columns: Vec<(usize, f32, f32)>,
    focused: bool,
}

pub(super) fn show(
    ui: &mut Ui,
    theme: &Theme,
    spec: &TableSpec<'_>,
    state: &mut TableState,
    rows: &dyn TableRows,
    host: &mut dyn TableHost,
    output: &mut TableOutput,
) {
    let id = ui.unique_id().with(("table", spec.name));
    let columns = laid_out(spec.columns, state, ui.available_width());
    let whole = ui.available_rect_before_wrap();
    let focus = ui.interact(whole, id, Sense::focusable_noninteractive());
    focus.widget_info(|| WidgetInfo::labeled(Role::Table, true, spec.name));
    ui.ctx().accesskit_node_builder(id, |node| {
        node.set_row_count(state.rows().len());
        node.set_column_count(columns.len());
    });
    let view = View { id, theme, spec, rows, columns, focused: focus.has_focus() };
    if view.focused {
        let arrows = EventFilter { vertical_arrows: true, horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, arrows));
        let page = ((state.view_height / spec.row_height) as usize).max(2) - 1;
        output.selection_changed |= state.steer(ui, rows, page);
        view.keys(ui, state, output);
    }
    view.header(ui, state);
    if state.rows().is_empty() {
        let words = if rows.is_empty() {
            spec.empty.to_owned()
        } else {
            format!("No {} passes the filter", spec.noun)
        };
        ui.add_space(space::L);
        ui.vertical_centered(|ui| ui.label(theme.weak(words)));
        output.drawn = 0..0;
        return;
    }
    view.body(ui, state, host, output);
}

/// Edges of the columns shown. What is left of the width goes to those that grow.
fn laid_out(columns: &[TableColumn], state: &TableState, available: f32) -> Vec<(usize, f32, f32)> {
    let shown: Vec<usize> = state.shown_columns().collect();
    let width = |column: usize| state.widths[column].unwrap_or(columns[column].width);
    let grows = |column: usize| columns[column].grows && state.widths[column].is_none();
    let left_over = (available - shown.iter().map(|column| width(*column)).sum::<f32>()).max(0.0);
    let growing = shown.iter().filter(|column| grows(**column)).count();
    let mut left = 0.0;
    shown
        .into_iter()
        .map(|column| {
            let share = if grows(column) { left_over / growing as f32 } else { 0.0 };
            let place = (column, left, width(column) + share);
            left += place.2;
            place
        })
        .collect()
}

impl View<'_> {
    fn width(&self) -> f32 {
        self.columns.last().map_or(0.0, |(_, left, width)| left + width)
    }

    fn header(&self, ui: &mut Ui, state: &mut TableState) {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), space::ROW), Sense::hover());
        let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
        painter.hline(
            rect.x_range(),
            rect.bottom(),
            Stroke::new(space::HAIRLINE, self.theme.surface.hairline),
        );
        let mut inside =
            ui.new_child(UiBuilder::new().max_rect(rect).accessibility_parent(self.id).id_salt("header"));
        inside.set_clip_rect(rect.intersect(ui.clip_rect()));
        for (column, left, width) in &self.columns {
            let min = pos2(rect.left() + left - state.offset.x, rect.top());
            self.header_cell(&inside, state, *column, Rect::from_min_size(min, vec2(*width, rect.height())));
        }
        ui.advance_cursor_after_rect(rect);
        ui.spacing_mut().item_spacing.y = 0.0;
    }

    fn header_cell(&self, ui: &Ui, state: &mut TableState, column: usize, rect: Rect) {
        let spec = &self.spec.columns[column];
        let sorted = state.sort.filter(|(by, _)| *by == column).map(|(_, direction)| direction);
        let sense = if spec.sorts { Sense::click() } else { Sense::hover() };
        let response = ui.interact(rect, self.id.with(("header", column)), sense);
        let order = match sorted {
            Some(Direction::Ascending) => ", sorted ascending",
            Some(Direction::Descending) => ", sorted descending",
            None => "",
        };
        response
            .widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, format!("{}{order}", spec.name)));
        let strong = sorted.is_some() || response.hovered() && spec.sorts || response.has_focus();
        let color = if strong { self.theme.text.strong } else { self.theme.text.weak };
        let arrow = sorted.map(|direction| match direction {
            Direction::Ascending => icon::UP,
            Direction::Descending => icon::DOWN,
        });
        let inner = rect.shrink2(vec2(space::S, 0.0));
        let arrow_width = if arrow.is_some() { space::L } else { 0.0 };
        let words = WidgetText::from(self.theme.caption(spec.name.as_str()).color(color));
        let galley = words.into_galley(
            ui,
            Some(TextWrapMode::Truncate),
            inner.width() - arrow_width,
            egui::TextStyle::Small,
        );
        let wide = galley.size().x;
        let left = match spec.align {
            CellAlign::Text => inner.left(),
            CellAlign::Number => inner.right() - wide - arrow_width,
        };
        ui.painter().galley(pos2(left, rect.center().y - galley.size().y / 2.0), galley, color);
        if let Some(arrow) = arrow {
            let words = WidgetText::from(arrow.text(space::M).color(color));
            let galley = words.into_galley(ui, None, f32::INFINITY, egui::TextStyle::Small);
            let at = pos2(left + wide + space::XS / 2.0, rect.center().y - galley.size().y / 2.0);
            ui.painter().galley(at, galley, color);
        }
        if response.has_focus() {
            let ring = Stroke::new(space::FOCUS, self.theme.accent.text);
            ui.painter().rect_stroke(rect.shrink(1.0), space::RADIUS_SMALL, ring, StrokeKind::Inside);
        }
        if response.clicked() {
            let first =
                if spec.align == CellAlign::Number { Direction::Descending } else { Direction::Ascending };
            state.sort_by(column, first);
        }
        if !spec.help.is_empty() {
            response.on_hover_text(spec.help);
        }
        self.resize_handle(ui, state, column, rect);
    }

    fn resize_handle(&self, ui: &Ui, state: &mut TableState, column: usize, rect: Rect) {
        let handle =
            Rect::from_center_size(pos2(rect.right() - 2.0, rect.center().y), vec2(space::S, rect.height()));
        // Not reachable by Tab: the keyboard has the column chooser, and a table has many of these.
        let response = ui.interact(handle, self.id.with(("resize", column)), Sense::DRAG | Sense::CLICK);
        if response.hovered() || response.dragged() {
            ui.ctx().set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
            ui.painter().vline(rect.right() - 1.0, rect.y_range(), Stroke::new(1.0, self.theme.accent.text));
        }
        if response.dragged() {
            state.widths[column] = Some((rect.width() + response.drag_delta().x).max(NARROWEST));
        }
        if response.double_clicked() {
            state.widths[column] = None;
        }
    }

    fn body(&self, ui: &mut Ui, state: &mut TableState, host: &mut dyn TableHost, output: &mut TableOutput) {
        let body = ui.available_rect_before_wrap();
        let height = self.spec.row_height;
        let mut area = ScrollArea::both()
            .id_salt(("body", self.spec.name))
            .auto_shrink([false, false])
            .content_margin(Margin::ZERO)
            .max_height(body.height());
        if let Some(offset) = self.scroll_offset(state, body.height()) {
            area = area.vertical_scroll_offset(offset);
        }
        let content = vec2(self.width().max(body.width()), height * state.rows().len() as f32);
        let shown = area.show_viewport(ui, |ui, viewport| {
            ui.set_min_size(content);
            let first = (viewport.top() / height).floor().max(0.0) as usize;
            let last = ((viewport.bottom() / height).ceil().max(0.0) as usize).min(state.rows().len());
            let mut child = ui.new_child(UiBuilder::new().accessibility_parent(self.id).id_salt("rows"));
            for place in first..last {
                // Relative to the view first: at 100,000 rows the absolute place no longer has whole-pixel precision.
                let top = body.top() + (place as f32 * height - viewport.top());
                let min = pos2(body.left() - viewport.left(), top);
                self.row(
                    &mut child,
                    state,
                    place,
                    Rect::from_min_size(min, vec2(content.x, height)),
                    host,
                    output,
                );
            }
            first..last.max(first)
        });
        state.offset = shown.state.clamped_offset();
        state.view_height = shown.inner_rect.height();
        let drawn: Range<usize> = shown.inner;
        output.drawn = drawn;
    }

    /// Where to scroll so that the row asked for is in view; `None` if it is, or none was asked for.
    fn scroll_offset(&self, state: &mut TableState, view: f32) -> Option<f32> {
        let asked = state.scroll_to.take()?;
        let place =
            if asked == usize::MAX { state.place_of(self.rows, state.cursor.as_ref())? } else { asked };
        let height = self.spec.row_height;
        let top = place as f32 * height;
        if top < state.offset.y {
            Some(top)
        } else if top + height > state.offset.y + view {
            Some(top + height - view)
        } else {
            None
        }
    }

    fn row(
        &self,
        ui: &mut Ui,
        state: &mut TableState,
        place: usize,
        rect: Rect,
        host: &mut dyn TableHost,
        output: &mut TableOutput,
    ) {
        let Some(row) = state.rows().get(place).map(|row| *row as usize).filter(|row| *row < self.rows.len())
        else {
            return;
        };
        let key = self.rows.key(row).into_owned();
        let id = self.id.with(("row", &key));
        let selected = state.selected.contains(&key);
        let cursor = self.focused && state.cursor.as_ref() == Some(&key);
        // Clickable, but not reachable by Tab: the arrow keys walk the rows.
        let response = ui.interact(rect, id, Sense::CLICK);
        let label =
            self.columns.first().map_or_else(String::new, |(column, ..)| self.rows.text(row, *column).into());
        response.widget_info(|| WidgetInfo::selected(Role::Row, true, selected, label.as_str()));
        ui.ctx().accesskit_node_builder(id, |node| {
            node.set_row_index(place);
            node.set_selected(selected);
        });
        let surface = &self.theme.surface;
        let fill = match (selected, response.contains_pointer()) {
            (true, _) => Some(self.theme.accent.soft),
            (false, true) => Some(surface.hover),
            (false, false) => None,
        };
        if let Some(fill) = fill {
            ui.painter().rect_filled(rect, 0.0, fill);
        }
        let line = Stroke::new(space::HAIRLINE, surface.hairline.gamma_multiply(0.6));
        ui.painter().hline(rect.x_range(), rect.bottom(), line);
        let mut cells =
            ui.new_child(UiBuilder::new().max_rect(rect).accessibility_parent(id).id_salt(("cells", &key)));
        for (number, (column, left, width)) in self.columns.iter().enumerate() {
            let cell = Rect::from_min_size(pos2(rect.left() + left, rect.top()), vec2(*width, rect.height()));
            if !cell.intersects(ui.clip_rect()) {
                continue;
            }
            self.cell(&mut cells, row, *column, cell, host);
            if cursor && number == state.cell {
                let ring = Stroke::new(1.0, self.theme.accent.text);
                ui.painter().rect_stroke(cell.shrink(1.0), space::RADIUS_SMALL, ring, StrokeKind::Inside);
            }
        }
        self.row_clicked(ui, state, place, &response, output);
        self.row_menu(ui, state, row, place, &response, host, output);
        if response.double_clicked() {
            output.activated = Some(row);
        }
    }

    fn row_clicked(
        &self,
        ui: &Ui,
        state: &mut TableState,
        place: usize,
        response: &egui::Response,
        output: &mut TableOutput,
    ) {
        if !response.clicked() {
            return;
        }
        let Modifiers { shift, command, .. } = ui.input(|input| input.modifiers);
        state.choose(self.rows, place, shift, command);
        if let Some(pointer) = response.interact_pointer_pos() {
            let inside =
                |(_, left, width): &&(usize, f32, f32)| pointer.x < response.rect.left() + left + width;
            state.cell = self.columns.iter().position(|column| inside(&column)).unwrap_or(0);
        }
        output.selection_changed = true;
        ui.memory_mut(|memory| memory.request_focus(self.id));
    }

    #[expect(clippy::too_many_arguments, reason = "the menu reads everything a row has")]
    fn row_menu(
        &self,
        ui: &Ui,
        state: &mut TableState,
        row: usize,
        place: usize,
        response: &egui::Response,
        host: &mut dyn TableHost,
        output: &mut TableOutput,
    ) {
        if response.secondary_clicked() && !state.selected.contains(self.rows.key(row).as_ref()) {
            state.choose(self.rows, place, false, false);
            output.selection_changed = true;
        }
        let pointed = ui.input(|input| input.pointer.interact_pos());
        if response.secondary_clicked()
            && let Some(pointer) = pointed
        {
            let inside =
                |(_, left, width): &&(usize, f32, f32)| pointer.x < response.rect.left() + left + width;
            state.cell = self.columns.iter().position(|column| inside(&column)).unwrap_or(0);
        }
        response.context_menu(|ui| {
            host.menu(ui, row);
            if ui.button("Copy cell").clicked() {
                self.copy_cell(ui, state, row, output);
            }
            let several = state.selected.len() > 1;
            if ui.button(if several { "Copy rows" } else { "Copy row" }).clicked() {
                self.copy_rows(ui, state, output);
            }
        });
    }

    fn cell(&self, ui: &mut Ui, row: usize, column: usize, rect: Rect, host: &mut dyn TableHost) {
        let spec = &self.spec.columns[column];
        let inner = rect.shrink2(vec2(space::S, 0.0));
        if spec.custom {
            let layout = match spec.align {
                CellAlign::Text => Layout::left_to_right(Align::Center),
                CellAlign::Number => Layout::right_to_left(Align::Center),
            };
            let mut child = ui.new_child(UiBuilder::new().max_rect(inner).layout(layout).id_salt(column));
            child.set_clip_rect(rect.intersect(ui.clip_rect()));
            host.cell(&mut child, row, column);
            return;
        }
        let text = self.rows.text(row, column);
        let words = match spec.align {
            CellAlign::Text => self.theme.body(text.as_ref()),
            CellAlign::Number => self.theme.number(text.as_ref()),
        };
        let galley = WidgetText::from(words).into_galley(
            ui,
            Some(TextWrapMode::Truncate),
            inner.width(),
            egui::TextStyle::Body,
        );
        let anchor = match spec.align {
            CellAlign::Text => Align2::LEFT_CENTER,
            CellAlign::Number => Align2::RIGHT_CENTER,
        };
        let cut = galley.elided;
        let place = anchor.align_size_within_rect(Vec2::new(galley.size().x, galley.size().y), inner);
        ui.painter().with_clip_rect(rect.intersect(ui.clip_rect())).galley(
            place.min,
            galley,
            self.theme.text.body,
        );
        let response = ui.interact(rect, ui.unique_id().with(column), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Cell, true, text.as_ref()));
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_column_index(column));
        match self.rows.hover(row, column) {
            Some(words) => _ = response.on_hover_text(words),
            None if cut => _ = response.on_hover_text(text.as_ref()),
            None => {}
        }
    }

    /// Enter and copy, for a table that has the focus.
    fn keys(&self, ui: &Ui, state: &TableState, output: &mut TableOutput) {
        let cursor = state
            .place_of(self.rows, state.cursor.as_ref())
            .and_then(|place| state.rows().get(place))
            .map(|row| *row as usize);
        if let Some(row) = cursor
            && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter))
        {
            output.activated = Some(row);
        }
        let (copy, shift) = ui.input(|input| {
            (input.events.iter().any(|event| matches!(event, Event::Copy)), input.modifiers.shift)
        });
        match cursor {
            Some(row) if copy && shift => self.copy_cell(ui, state, row, output),
            _ if copy && !state.selected.is_empty() => self.copy_rows(ui, state, output),
            _ => {}
        }
    }

    fn copy_cell(&self, ui: &Ui, state: &TableState, row: usize, output: &mut TableOutput) {
        if let Some((column, ..)) = self.columns.get(state.cell) {
            ui.ctx().copy_text(self.rows.exact(row, *column).into_owned());
            output.copied = Some(format!("Copied {}", self.spec.columns[*column].name.to_lowercase()));
        }
    }

    fn copy_rows(&self, ui: &Ui, state: &TableState, output: &mut TableOutput) {
        let chosen = state.rows().iter().map(|row| *row as usize);
        let chosen: Vec<usize> =
            chosen.filter(|row| state.selected.contains(self.rows.key(*row).as_ref())).collect();
        let lines = chosen
            .iter()
            .map(|row| self.columns.iter().map(|(column, ..)| self.rows.exact(*row, *column)).collect());
        ui.ctx().copy_text(table_csv::tsv(lines));
        let rows = crate::format::plural(chosen.len() as u64, self.spec.noun);
        output.copied = Some(format!("Copied {rows}"));
    }
}
