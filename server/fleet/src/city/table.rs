//! The rows of the demo organisation. Places are real, the organisation is made up.

pub(super) const ZONES: [(u32, &str); 3] = [(1, "West Zone"), (2, "North Zone"), (3, "Central Zone")];

/// Number, name, zone.
pub(super) const DIVISIONS: [(u32, &str, u32); 6] = [
    (1, "Mattancherry Division", 1),
    (2, "Harbour and Islands Division", 1),
    (3, "Ernakulam Division", 3),
    (4, "Edappally Division", 2),
    (5, "Thrikkakara Division", 2),
    (6, "Tripunithura Division", 3),
];

pub(super) struct Row {
    pub id: u32,
    pub name: &'static str,
    pub division: u32,
    /// How many units are stationed here.
    pub units: u32,
}

const fn row(id: u32, name: &'static str, division: u32, units: u32) -> Row {
    Row { id, name, division, units }
}

pub(super) const STATIONS: [Row; 30] = [
    row(1, "Fort Kochi", 1, 7),
    row(2, "Mattancherry", 1, 7),
    row(3, "Thoppumpady", 1, 7),
    row(4, "Ernakulam Town South", 3, 9),
    row(5, "Kadavanthra", 3, 9),
    row(6, "Palluruthy", 1, 6),
    row(7, "Kumbalangi", 1, 4),
    row(8, "Harbour", 2, 6),
    row(9, "Mulavukad", 2, 5),
    row(10, "Njarakkal", 2, 5),
    row(11, "Ernakulam Central", 3, 10),
    row(12, "Ernakulam Town North", 3, 9),
    row(13, "Kaloor", 4, 8),
    row(14, "Palarivattom", 4, 8),
    row(15, "Elamakkara", 4, 6),
    row(16, "Edappally", 4, 8),
    row(17, "Cheranalloor", 4, 6),
    row(18, "Kalamassery", 5, 7),
    row(19, "Thrikkakara", 5, 7),
    row(20, "Infopark", 5, 7),
    row(21, "Thevara", 3, 7),
    row(22, "Vyttila", 6, 8),
    row(23, "Maradu", 6, 7),
    row(24, "Panangad", 6, 5),
    row(25, "Tripunithura", 6, 7),
    row(26, "Hill Palace", 6, 5),
    row(27, "Udayamperoor", 6, 4),
    row(28, "Aluva", 5, 7),
    row(29, "Eloor", 5, 4),
    row(30, "Vypin", 2, 5),
];
