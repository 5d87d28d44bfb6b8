//! Which words are shown, and on which side of their mark: as many as fit, none
//! over another, and what was shown stays shown where it can.

/// A word that would like to be shown, in CSS pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// Where its mark is.
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
    /// Room between the mark's middle and the word; with none the word is centred on it.
    pub away: f64,
    /// Lower comes first.
    pub rank: u32,
    /// The side it was on before.
    pub held: Option<Side>,
    /// Shown whatever is in the way.
    pub must: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Centre,
    Right,
    Left,
    Below,
    Above,
}

impl Side {
    const AROUND: [Side; 4] = [Side::Right, Side::Left, Side::Below, Side::Above];

    /// Top left corner of a word, from its mark's middle.
    pub fn corner(self, w: f64, h: f64, away: f64) -> (f64, f64) {
        match self {
            Side::Centre => (-w / 2.0, -h / 2.0),
            Side::Right => (away, -h / 2.0),
            Side::Left => (-away - w, -h / 2.0),
            Side::Below => (-w / 2.0, away),
            Side::Above => (-w / 2.0, -away - h),
        }
    }
}

type Rect = [f64; 4];

const CELL: f64 = 48.0;

/// Taken rectangles, found by screen cell.
pub struct Layout {
    columns: usize,
    rows: usize,
    cells: Vec<Vec<u32>>,
    taken: Vec<Rect>,
}

impl Layout {
    pub fn new(width: f64, height: f64) -> Self {
        let (columns, rows) = ((width / CELL) as usize + 1, (height / CELL) as usize + 1);
        Self { columns, rows, cells: vec![Vec::new(); columns * rows], taken: Vec::new() }
    }

    /// Keeps a mark's own room free of words.
    pub fn block(&mut self, x: f64, y: f64, half: f64) {
        self.take([x - half, y - half, x + half, y + half]);
    }

    /// Chooses among the wishes; the answer has a side for each that is shown.
    pub fn choose(&mut self, wishes: &[Wish]) -> Vec<Option<Side>> {
        let mut order: Vec<usize> = (0..wishes.len()).collect();
        order.sort_by_key(|&i| (wishes[i].rank, wishes[i].held.is_none(), i));
        let mut sides = vec![None; wishes.len()];
        for index in order {
            let wish = &wishes[index];
            let found = wish.sides().find(|side| self.free(&wish.rect(*side)));
            let side = found.or_else(|| if wish.must { wish.sides().next() } else { None });
            if let Some(side) = side {
                self.take(wish.rect(side));
                sides[index] = Some(side);
            }
        }
        sides
    }

    fn range(&self, r: &Rect) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let cell = |v: f64, most: usize| ((v / CELL).max(0.0) as usize).min(most);
        (
            cell(r[0], self.columns)..cell(r[2] + CELL, self.columns),
            cell(r[1], self.rows)..cell(r[3] + CELL, self.rows),
        )
    }

    fn free(&self, r: &Rect) -> bool {
        let (columns, rows) = self.range(r);
        rows.flat_map(|row| columns.clone().map(move |c| row * self.columns + c)).all(|cell| {
            self.cells[cell].iter().all(|&other| {
                let o = &self.taken[other as usize];
                r[2] <= o[0] || r[0] >= o[2] || r[3] <= o[1] || r[1] >= o[3]
            })
        })
    }

    fn take(&mut self, r: Rect) {
        let number = self.taken.len() as u32;
        self.taken.push(r);
        let (columns, rows) = self.range(&r);
        for row in rows {
            for column in columns.clone() {
                self.cells[row * self.columns + column].push(number);
            }
        }
    }
}

impl Wish {
    fn sides(&self) -> impl Iterator<Item = Side> {
        let around: &[Side] = if self.away > 0.0 { &Side::AROUND } else { &[Side::Centre] };
        self.held.into_iter().chain(around.iter().copied())
    }

    fn rect(&self, side: Side) -> Rect {
        let (dx, dy) = side.corner(self.w, self.h, self.away);
        [self.x + dx, self.y + dy, self.x + dx + self.w, self.y + dy + self.h]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(x: f64, y: f64, rank: u32) -> Wish {
        Wish { x, y, w: 50.0, h: 14.0, away: 12.0, rank, held: None, must: false }
    }

    #[test]
    fn no_word_lies_over_another() {
        let wishes: Vec<_> =
            (0..300u32).map(|n| wish(f64::from(n * 37 % 780), f64::from(n * 91 % 580), n % 3)).collect();
        let sides = Layout::new(800.0, 600.0).choose(&wishes);
        let shown: Vec<Rect> = wishes.iter().zip(&sides).filter_map(|(w, s)| s.map(|s| w.rect(s))).collect();
        assert!(shown.len() > 60, "{}", shown.len());
        for (i, a) in shown.iter().enumerate() {
            for b in &shown[i + 1..] {
                let apart = a[2] <= b[0] || a[0] >= b[2] || a[3] <= b[1] || a[1] >= b[3];
                assert!(apart, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_word_goes_to_another_side_of_a_blocked_mark() {
        let mut layout = Layout::new(800.0, 600.0);
        layout.block(140.0, 100.0, 10.0);
        assert_eq!(layout.choose(&[wish(100.0, 100.0, 0)]), [Some(Side::Left)]);
    }

    #[test]
    fn what_was_shown_stays_and_what_must_be_shown_is() {
        let mut held = wish(105.0, 100.0, 1);
        held.held = Some(Side::Below);
        let sides = Layout::new(800.0, 600.0).choose(&[wish(100.0, 100.0, 1), held.clone()]);
        assert_eq!(sides[1], Some(Side::Below));
        held.must = true;
        let mut full = Layout::new(800.0, 600.0);
        full.block(100.0, 100.0, 300.0);
        assert_eq!(full.choose(&[wish(100.0, 100.0, 0), held]), [None, Some(Side::Below)]);
    }
}
