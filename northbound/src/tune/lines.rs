//! Two texts, line by line: what goes, what comes, and a little of what stays around it.

/// Lines that stay are shown so far around a change.
const AROUND: usize = 2;

/// The difference, with ` `, `-` and `+` at the beginning of lines. Empty where there is none.
pub(super) fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let all = edits(&old, &new);
    let is_near = |at: usize| {
        let from = at.saturating_sub(AROUND);
        let to = (at + AROUND + 1).min(all.len());
        all[from..to].iter().any(|(mark, _)| *mark != ' ')
    };
    let mut text = String::new();
    let mut is_cut = false;
    for (at, (mark, line)) in all.iter().enumerate() {
        if !is_near(at) {
            is_cut = true;
            continue;
        }
        if std::mem::take(&mut is_cut) {
            text.push_str("  ...\n");
        }
        text.push(*mark);
        text.push(' ');
        text.push_str(line);
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// The lines of both, each with what becomes of it, by their longest common run.
fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    // Tenant files have a few hundred lines.
    let mut longest = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for (i, left) in old.iter().enumerate().rev() {
        for (j, right) in new.iter().enumerate().rev() {
            longest[i][j] = if left == right {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut edits = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            edits.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            edits.push(('-', old[i]));
            i += 1;
        } else {
            edits.push(('+', new[j]));
            j += 1;
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_marked_and_what_is_far_from_it_is_left_out() {
        let old = "a\nb\nc\nd\ne\nf: 1\ng\n";
        let new = "a\nb\nc\nd\ne\nf: 2\nx\ng\n";

        assert_eq!(
            difference(old, new),
            "  ...\n  d\n  e\n- f: 1\n+ f: 2\n+ x\n  g\n"
        );
        assert_eq!(difference(old, old), "");
    }
}
