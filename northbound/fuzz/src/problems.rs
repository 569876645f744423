//! What holds for whatever is wrong with a text.

use northbound::problem::{Problems, Style};

/// Every problem points into the text, has a hint, and can be shown.
pub fn point_into(text: &str, problems: &Problems) {
    let lines: Vec<usize> = text.split('\n').map(|line| line.chars().count()).collect();
    for problem in problems {
        let line = problem.line as usize;
        assert!((1..=lines.len()).contains(&line), "{problem:#?}");
        let (begin, end) = (problem.column, problem.column + problem.length);
        assert!(begin >= 1, "{problem:#?}");
        assert!(end as usize <= lines[line - 1] + 1, "{problem:#?}");
        assert!(
            !problem.what.is_empty() && !problem.hint.is_empty(),
            "{problem:#?}"
        );
        let shown = [&problem.what, &problem.hint];
        let is_plain = |text: &&String| !text.chars().any(char::is_control);
        assert!(shown.iter().all(is_plain), "{problem:#?}");
    }
    for style in [Style::Plain, Style::Coloured] {
        let shown = problems.render(style);
        assert_eq!(shown.is_empty(), problems.is_empty());
    }
}
