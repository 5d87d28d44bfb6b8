//! Formats of files, for the document alone: [`crate::export`] has what reads them.

use utoipa::ToSchema;

#[derive(ToSchema)]
#[schema(rename_all = "lowercase", example = "gpx")]
pub enum FileFormat {
    Csv,
    GeoJson,
    Gpx,
    Kml,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase", example = "json")]
pub enum RouteFormat {
    Json,
    Csv,
    GeoJson,
    Gpx,
    Kml,
}
