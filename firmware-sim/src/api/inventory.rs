//! What a site has to offer: floors and their plans, what seats are like, pools, rooms made of rooms.

use reqwest::Method;
use sekisho_domain::ids::{FloorId, PoolId, SeatId, SiteId};
use serde_json::{Value, json};

use super::{Api, ApiError};

impl Api {
    /// A floor; `position` counts from the lowest upwards.
    pub async fn create_floor(
        &self,
        site: SiteId,
        name: &str,
        position: i64,
    ) -> Result<FloorId, ApiError> {
        let body = json!({"name": name, "position": position});
        self.create(&format!("/sites/{site}/floors"), body).await
    }

    /// Changes what of a seat stands in `changes`.
    pub async fn change_seat(&self, seat: SeatId, changes: Value) -> Result<(), ApiError> {
        let path = format!("/seats/{seat}");
        self.call::<Value>(Method::PATCH, &path, Some(changes))
            .await?;
        Ok(())
    }

    /// A pool of equal seats.
    pub async fn create_pool(
        &self,
        site: SiteId,
        name: &str,
        seats: &[SeatId],
    ) -> Result<PoolId, ApiError> {
        let body = json!({"name": name, "seats": seats});
        self.create(&format!("/sites/{site}/pools"), body).await
    }

    /// Says of which others a seat is made.
    pub async fn combine(&self, whole: SeatId, parts: &[SeatId]) -> Result<(), ApiError> {
        let path = format!("/seats/{whole}/parts");
        let body = json!({"parts": parts});
        self.call::<Value>(Method::PUT, &path, Some(body)).await?;
        Ok(())
    }

    /// Saves the plan of a floor: `seats` and `areas` as the API describes them.
    pub async fn save_plan(&self, floor: FloorId, plan: Value) -> Result<(), ApiError> {
        let path = format!("/floors/{floor}/plan");
        self.call::<Value>(Method::PUT, &path, Some(plan)).await?;
        Ok(())
    }
}
