//! What instances cost, where the operator has said what they do: an estimate, which knows nothing of discounts or traffic.

use controller::ahead::Piece;
use controller::amount::Amount;
use controller::id::CloudName;
use controller::market::Market;
use controller::spec::{CloudOrder, TenantSpec};
use serde::Serialize;

/// What some hours cost, in the operator's money.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// With as few instances as the bounds allow, and the warm pool beside them, as for what is expected.
    pub least: f64,
    /// With as many as are expected; `None` where nothing is expected for a part of the time.
    pub expected: Option<f64>,
    /// With as many as the bounds allow.
    pub most: f64,
    /// Clouds that instances would run in, and whose price is not known: they count as free.
    pub without_price: Vec<CloudName>,
}

/// The cost of these hours; `None` where no price is known.
pub fn cost(spec: &TenantSpec, market: &Market, pieces: &[Piece]) -> Option<Cost> {
    let places = places(spec, market)?;
    let most = pieces.iter().map(|piece| piece.max).max().unwrap_or(0);
    // The pool stands by in what room the number leaves under the maximum.
    let with_pool = |piece: &Piece, count: u32| {
        count
            .saturating_add(spec.policy.warm_pool)
            .min(piece.max.max(count))
    };
    let sum = |count: &dyn Fn(&Piece) -> Option<u32>| {
        pieces
            .iter()
            .map(|piece| {
                let hours = piece.until.duration_since(piece.from).as_secs_f64() / 3_600.0;
                Some(hours * an_hour(&places, count(piece)?).as_f64())
            })
            .sum::<Option<f64>>()
    };
    Some(Cost {
        least: sum(&|piece| Some(with_pool(piece, piece.min))).unwrap_or(0.0),
        expected: sum(&|piece| Some(with_pool(piece, piece.expected?))),
        most: sum(&|piece| Some(piece.max)).unwrap_or(0.0),
        without_price: filled(&places, most)
            .filter(|(place, count)| *count > 0 && place.price.is_none())
            .map(|(place, _)| place.name.clone())
            .collect(),
    })
}

/// What so many instances of the tenant cost for an hour, each on its cloud's first machine type and on demand; `None` where no
/// price is known.
pub fn an_hour_of(spec: &TenantSpec, market: &Market, count: u32) -> Option<Amount> {
    let places = places(spec, market)?;
    Some(an_hour(&places, count))
}

/// A cloud, as the tenant fills it.
struct Place<'a> {
    name: &'a CloudName,
    room: u32,
    price: Option<Amount>,
}

/// The tenant's clouds, the one that is filled first first; `None` where no price is known. How reliable they are is not known
/// ahead, so that where that is the order, the tenant's own is taken.
fn places<'a>(spec: &'a TenantSpec, market: &'a Market) -> Option<Vec<Place<'a>>> {
    let template = &spec.instances.template;
    let mut places: Vec<Place<'_>> = spec
        .clouds
        .iter()
        .filter_map(|preference| {
            let (name, offer) = market.clouds.get_key_value(&preference.name)?;
            let room = offer.room.unwrap_or(u32::MAX);
            Some(Place {
                name,
                room: preference.max.map_or(room, |max| max.min(room)),
                price: market.usual_price(name, template),
            })
        })
        .collect();
    if spec.placement.order == CloudOrder::Cost {
        places.sort_by_key(|place| (place.price.is_none(), place.price));
    }
    let is_priced = places.iter().any(|place| place.price.is_some());
    is_priced.then_some(places)
}

/// What so many instances cost for an hour.
fn an_hour(places: &[Place<'_>], count: u32) -> Amount {
    filled(places, count)
        .map(|(place, count)| place.price.unwrap_or(Amount::ZERO).times(count))
        .sum()
}

/// How many of `count` run where: in the order of preference, each filled before the next.
fn filled<'a>(places: &'a [Place<'a>], count: u32) -> impl Iterator<Item = (&'a Place<'a>, u32)> {
    places.iter().scan(count, |left, place| {
        let here = place.room.min(*left);
        *left -= here;
        Some((place, here))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::tenant_file;

    fn piece(hours: i64, min: u32, max: u32, expected: Option<u32>) -> Piece {
        let from = jiff::Timestamp::UNIX_EPOCH;
        Piece {
            from,
            until: from + jiff::SignedDuration::from_hours(hours),
            min,
            max,
            because: String::new(),
            expected,
        }
    }

    fn costs(clouds: &str, pieces: &[Piece]) -> Option<Cost> {
        costs_of("", clouds, pieces)
    }

    fn costs_of(policy: &str, clouds: &str, pieces: &[Piece]) -> Option<Cost> {
        let (config, _) = Config::read(clouds, "asaas.yml", Path::new("/x")).unwrap();
        let text = format!(
            "version: 1\ntenant: demo\nnetwork: {{ public_ip: 45.45.45.45, subnets: [{{ cidr: 19.0.0.0/24 }}] }}\n\
             instances: {{ min: 1, max: 9 }}\n{policy}"
        );
        let spec = tenant_file::read(&text, "demo.yml", &config.known())
            .unwrap()
            .spec;
        cost(&spec, &config.market(), pieces)
    }

    #[test]
    fn the_preferred_cloud_is_paid_first_and_the_next_one_for_the_rest() {
        let clouds = "clouds: [{ name: own, kind: sim, capacity: 3, price: 0.10 }, { name: dear, kind: sim, capacity: 9, price: 1 }]\n";

        let cost = costs(clouds, &[piece(2, 2, 5, Some(4)), piece(1, 2, 5, Some(3))]).unwrap();

        let near = |left: f64, right: f64| assert!((left - right).abs() < 1e-9, "{left} {right}");
        near(cost.least, 3.0 * 0.2);
        near(cost.expected.unwrap(), 2.0 * 1.3 + 0.3);
        near(cost.most, 3.0 * 2.3);
        assert_eq!(cost.without_price, []);
    }

    #[test]
    fn the_warm_pool_is_paid_too_up_to_the_maximum() {
        let clouds = "clouds: [{ name: own, kind: sim, capacity: 9, price: 1 }]\n";
        let pieces = [piece(1, 2, 5, Some(4))];

        let cost = costs_of("policy: { warm_pool: 2 }\n", clouds, &pieces).unwrap();

        assert_eq!(
            (cost.least, cost.expected, cost.most),
            (4.0, Some(5.0), 5.0)
        );
    }

    #[test]
    fn what_is_not_known_is_said_and_not_guessed() {
        let without = "clouds: [{ name: own, kind: sim }]\n";
        let half = "clouds: [{ name: own, kind: sim, capacity: 3, price: 0.5 }, { name: dear, kind: sim }]\n";
        let pieces = [piece(1, 1, 5, None)];

        assert_eq!(costs(without, &pieces), None);
        let cost = costs(half, &pieces).unwrap();
        assert_eq!(cost.expected, None);
        assert_eq!(cost.without_price.len(), 1);
    }
}
