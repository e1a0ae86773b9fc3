//! The line of a problem, with everything masked that may be a credential. Knows which characters are keys and which are
//! values, not what they mean.

use super::problem::{File, Problem, Snippet};
use super::tree::{Place, Tree};
use super::written::Written;

const MASK: &str = "***";

impl Tree {
    /// A problem at `place`, with its line.
    pub(super) fn problem_in(&self, file: &File, place: Place, message: impl Into<String>) -> Problem {
        Problem {
            snippet: self.snippet(file, place),
            ..file.hidden(place, message)
        }
    }

    pub(super) fn snippet(&self, file: &File, place: Place) -> Option<Snippet> {
        let mut starts = 0;
        let mut lines = file.text.split_inclusive('\n');
        for line in lines.by_ref().take(place.line.saturating_sub(1)) {
            starts += line.chars().count();
        }
        let line = lines.next()?.trim_end_matches(['\n', '\r']);
        let at = starts + place.column.saturating_sub(1);
        let masked = self.masked(line, starts, at);
        let here = self.written.iter().find(|w| w.start == at);
        let width = here.map_or(1, |w| w.end - w.start);
        let room = masked.text.chars().count().saturating_sub(masked.before);
        Some(Snippet {
            width: if masked.hidden { MASK.len() } else { width }.min(room).max(1),
            before: masked.before,
            text: masked.text,
        })
    }

    /// `line`, which begins at the character `starts` of the file.
    fn masked(&self, line: &str, starts: usize, at: usize) -> Masked {
        let ends = starts + line.chars().count();
        let touches = |w: &&Written| w.start < ends && w.end > starts;
        let here: Vec<&Written> = self.written.iter().filter(touches).collect();
        let secret =
            here.iter().any(|w| self.hides(&w.pointer)) || (here.is_empty() && self.is_secret_at(starts));
        let mut out = Masked {
            text: String::new(),
            before: 0,
            hidden: false,
        };
        let mut masking = false;
        for (i, c) in line.chars().enumerate() {
            let now = starts + i;
            let inside = here.iter().find(|w| (w.start..w.end).contains(&now));
            let hide = match inside {
                Some(w) => !w.is_key && self.hides(&w.pointer),
                // Comments and whatever else is neither a key nor structure.
                None => secret && !(c.is_whitespace() || "{}[],:-?\"'".contains(c)),
            };
            if now == at {
                out.before = out.text.chars().count() - if hide && masking { MASK.len() } else { 0 };
                out.hidden = hide;
            }
            if hide && !masking {
                out.text.push_str(MASK);
            } else if !hide {
                out.text.push(c);
            }
            masking = hide;
        }
        if at >= ends {
            out.before = out.text.chars().count();
        }
        out
    }

    /// Whether the last key or value before `index` may be a credential: a comment behind it, or more of its lines.
    fn is_secret_at(&self, index: usize) -> bool {
        let before = self.written.iter().rfind(|w| w.start <= index);
        before.is_some_and(|w| self.hides(&w.pointer))
    }
}

struct Masked {
    text: String,
    before: usize,
    hidden: bool,
}
