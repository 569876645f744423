//! What instances cost, and what the tenant's budget leaves (S4-34). Prices are the operator's; what has none counts as nothing.

use super::{Ground, Placement, Search, bounds, count, pool};
use crate::amount::Amount;
use crate::instance::Instance;
use crate::spec::Budget;

/// What is spent, and on how many.
#[derive(Debug)]
pub(super) struct Purse {
    budget: Option<Budget>,
    /// By all that stay.
    spent: Amount,
    /// How many count towards the number.
    counted: u32,
    /// So many are had whatever they cost.
    floor: u32,
}

impl Purse {
    /// What is there and stays, but for one that is to be replaced.
    pub(super) fn of(ground: &Ground<'_>, replaced: Option<&Instance>) -> Self {
        let stays = |instance: &&Instance| {
            instance.drain.is_none() && replaced.is_none_or(|replaced| replaced.id != instance.id)
        };
        let staying = ground.instances.values().filter(stays);
        Self {
            budget: ground.spec.budget,
            spent: staying
                .filter_map(|instance| ground.market.price_of(instance))
                .sum(),
            counted: count(ground.counted().filter(stays)),
            floor: bounds(ground.spec, ground.now.wall).0,
        }
    }

    /// So many of the warm pool count from now on; they are paid for already.
    pub(super) fn draw(&mut self, count: u32) {
        self.counted += count;
    }

    /// Pays for one more.
    pub(super) fn pay(&mut self, price: Option<Amount>, is_pooled: bool) {
        self.spent = self.spent + price.unwrap_or(Amount::ZERO);
        self.counted += u32::from(!is_pooled);
    }

    /// Why one more at this price is too dear.
    pub(super) fn refusal(&self, price: Option<Amount>, is_pooled: bool) -> Option<String> {
        let Budget { per_hour } = self.budget?;
        let price = price?;
        let with_it = self.spent + price;
        let is_needed = !is_pooled && self.counted < self.floor;
        (!is_needed && with_it > per_hour).then(|| {
            format!(
                "one more for {price} an hour would make it {with_it}, and the budget is {per_hour}"
            )
        })
    }
}

/// What all that stay cost for an hour; `None` where no price is known.
pub(crate) fn hourly(ground: &Ground<'_>) -> Option<Amount> {
    let staying = ground.instances.values().filter(|one| one.drain.is_none());
    let prices: Vec<Option<Amount>> = staying.map(|one| ground.market.price_of(one)).collect();
    let is_known = prices.iter().any(Option::is_some)
        || prices.is_empty()
            && ground
                .market
                .clouds
                .values()
                .any(|offer| offer.price.is_some());
    is_known.then(|| prices.into_iter().flatten().sum())
}

/// How many there may be at most for the sake of the budget; `None` where it does not stand in the way.
pub(crate) fn affordable(ground: &Ground<'_>) -> Option<u32> {
    ground.spec.budget?;
    let instances = &ground.spec.instances;
    let current = ground.current();
    let missing = instances.max.saturating_sub(current);
    // Those of the warm pool are paid for already.
    let mut placement = Placement {
        promote: pool::draw(ground, missing),
        ..Placement::default()
    };
    let drawn = count(placement.promote.iter());
    let mut search = Search::new(ground, &placement);
    let ceiling = instances.max.saturating_add(instances.surge);
    let launched = count(search.berths(missing - drawn, ceiling).iter());
    search.tell(&mut placement);
    placement
        .is_over_budget
        .then_some(current + drawn + launched)
}
