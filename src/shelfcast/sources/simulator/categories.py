"""What kinds of goods the chain sells and how each kind behaves.

The numbers are made, but chosen after what is known of grocery retail: fresh goods turn fast and spoil, promotions lift
storable goods most and are paid for by a dip afterwards, ice cream follows the sun, festive sweets follow the festival.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
    """One category. Effects are on the natural logarithm of demand: 0.69 doubles it."""

    name: str
    department: str
    code: str
    subcategories: tuple[str, ...]
    share: float
    """Weight in the assortment."""
    units_per_day: float
    """Median expected units a day of an item in a middling store."""
    prices: tuple[float, float]
    """Range of price points."""
    margin: float
    elasticity: float
    """Mean own-price elasticity: -2 means 10 % dearer sells about 19 % less."""
    unit: str = "each"
    spread: float = 0.8
    """Spread of item levels within the category (standard deviation of the logarithm)."""
    weekend: float = 1.0
    """How much of the store's weekday profile the category follows."""
    season: float = 0.0
    """Half the yearly swing in a temperate climate."""
    season_peak: int = 200
    """Day of the year of the peak."""
    warmth: float = 0.0
    """Effect of 10 degrees above the normal of the day."""
    rain: float = 0.0
    """Effect of 10 mm of rain."""
    life_days: int = 0
    """Days of life at receipt; 0 = does not spoil."""
    dispersion: float = 8.0
    """Size of the negative binomial: smaller is wilder."""
    promotion_gap: int = 75
    """Mean days between two promotions of an item."""
    display: float = 0.35
    """Effect of a full display."""
    pull_forward: float = 0.25
    """Share of a promotion's effect that comes back as a dip afterwards."""
    cannibalisation: float = 0.12
    """Share of a promotion's effect its subcategory neighbours lose, divided among them."""
    slow_share: float = 0.08
    """Share of items that sell only now and then."""
    direct: bool = False
    """Delivered by the supplier to the store, not through the distribution centre."""
    return_rate: float = 0.0
    """Share of units sold that customers bring back."""
    portion: float = 1.0
    """Weight a customer takes, for weighed goods."""
    volume_m3: float = 0.002


CATEGORIES: tuple[Category, ...] = tuple(sorted((
    Category("Bakery", "Fresh", "BAK", ("Bread", "Pastries", "Cakes"), 7, 9.0, (0.9, 4.5), 0.50, -1.1, weekend=0.9,
             warmth=-0.04, rain=-0.04, life_days=2, dispersion=12, promotion_gap=140, display=0.25, pull_forward=0.04,
             slow_share=0.02, direct=True),
    Category("Fruit and vegetables", "Fresh", "FRU", ("Apples", "Citrus", "Leafy greens", "Roots"), 9, 8.0, (1.2, 6.0), 0.38, -1.4,
             unit="kg", weekend=1.0, season=0.10, season_peak=180, warmth=0.08, life_days=4, dispersion=14,
             promotion_gap=60, display=0.30, pull_forward=0.08, slow_share=0.02, direct=True, portion=0.65),
    Category("Meat and fish", "Fresh", "MEA", ("Poultry", "Lamb", "Fish"), 5, 4.5, (6.0, 18.0), 0.30, -1.6, unit="kg",
             weekend=1.3, warmth=0.06, life_days=4, dispersion=9, promotion_gap=70, pull_forward=0.15, direct=True, portion=0.8),
    Category("Dairy", "Fresh", "DAI", ("Milk", "Yoghurt", "Cheese", "Butter"), 8, 9.0, (0.8, 6.0), 0.28, -1.2, weekend=0.7,
             life_days=10, dispersion=16, promotion_gap=85, display=0.25, pull_forward=0.15, slow_share=0.03, direct=True),
    Category("Staples", "Grocery", "STA", ("Rice", "Flour", "Lentils", "Cooking oil"), 9, 3.2, (1.5, 14.0), 0.24, -1.7,
             weekend=0.9, season=0.05, season_peak=320, dispersion=9, promotion_gap=80, pull_forward=0.40),
    Category("Snacks", "Grocery", "SNA", ("Crisps", "Biscuits", "Nuts"), 9, 4.5, (0.9, 5.5), 0.36, -2.1, weekend=1.1,
             season=0.06, season_peak=190, dispersion=8, promotion_gap=55, display=0.45, pull_forward=0.30),
    Category("Sweets", "Grocery", "SWE", ("Chocolate", "Festive sweets", "Candy"), 8, 3.5, (1.0, 12.0), 0.40, -2.0,
             season=0.12, season_peak=345, warmth=-0.08, dispersion=6, promotion_gap=65, display=0.45, pull_forward=0.28),
    Category("Breakfast", "Grocery", "BRE", ("Cereal", "Coffee", "Tea", "Spreads"), 7, 2.6, (1.8, 9.5), 0.33, -1.8,
             weekend=0.8, season=0.07, season_peak=15, warmth=-0.05, dispersion=9, promotion_gap=70, pull_forward=0.38),
    Category("Soft drinks", "Drinks", "SOF", ("Cola", "Juice", "Water"), 7, 7.0, (0.6, 4.0), 0.34, -2.2, season=0.24,
             season_peak=200, warmth=0.22, rain=-0.05, dispersion=8, promotion_gap=50, display=0.50, pull_forward=0.30, volume_m3=0.004),
    Category("Ice cream", "Frozen", "ICE", ("Tubs", "Bars", "Kulfi"), 4, 4.0, (1.5, 7.5), 0.36, -2.0, weekend=1.2, season=0.75,
             season_peak=198, warmth=0.42, rain=-0.12, dispersion=6, promotion_gap=65, pull_forward=0.25),
    Category("Frozen food", "Frozen", "FRO", ("Frozen vegetables", "Ready meals", "Frozen snacks"), 5, 2.8, (1.5, 8.0), 0.32, -1.7,
             season=0.06, season_peak=20, dispersion=9, promotion_gap=75, pull_forward=0.35),
    Category("Cleaning", "Household", "CLE", ("Laundry", "Dishwashing", "Paper"), 7, 2.0, (1.2, 12.0), 0.30, -2.3,
             weekend=0.9, dispersion=7, promotion_gap=60, display=0.40, pull_forward=0.50, volume_m3=0.006, return_rate=0.002),
    Category("Candles and lights", "Household", "CAN", ("Candles", "Lamps", "Light strings"), 3, 0.6, (1.5, 15.0), 0.48, -1.6,
             season=0.35, season_peak=340, dispersion=3, promotion_gap=120, pull_forward=0.20, slow_share=0.25, return_rate=0.01),
    Category("Personal care", "Household", "PER", ("Hair", "Skin", "Teeth"), 7, 1.5, (1.5, 11.0), 0.38, -1.9, weekend=0.9,
             dispersion=7, promotion_gap=65, pull_forward=0.42, return_rate=0.003, volume_m3=0.0006),
    Category("Sun care", "Household", "SUN", ("Sun lotion", "After sun"), 2, 0.9, (5.0, 16.0), 0.42, -1.5, season=1.0,
             season_peak=190, warmth=0.55, rain=-0.15, dispersion=4, promotion_gap=110, slow_share=0.15, return_rate=0.004),
    Category("Rainwear", "Seasonal", "RAI", ("Umbrellas", "Raincoats"), 2, 0.7, (6.0, 22.0), 0.50, -1.3, rain=0.65,
             dispersion=3, promotion_gap=160, pull_forward=0.05, slow_share=0.20, return_rate=0.01),
    Category("Toys and gifts", "Seasonal", "TOY", ("Toys", "Gift boxes", "Games"), 3, 0.6, (5.0, 35.0), 0.45, -1.9,
             weekend=1.4, season=0.30, season_peak=345, dispersion=3, promotion_gap=90, pull_forward=0.15, slow_share=0.30,
             return_rate=0.02, volume_m3=0.008),
    Category("Kitchenware", "Home", "KIT", ("Pans", "Storage", "Tableware"), 4, 0.35, (4.0, 40.0), 0.46, -1.8, weekend=1.3,
             dispersion=4, promotion_gap=110, pull_forward=0.20, slow_share=0.45, return_rate=0.015, volume_m3=0.01),
    Category("Batteries and bulbs", "Home", "BAT", ("Batteries", "Bulbs"), 3, 0.8, (2.0, 14.0), 0.50, -1.4, season=0.10,
             season_peak=350, dispersion=5, promotion_gap=120, pull_forward=0.35, slow_share=0.25, return_rate=0.006, volume_m3=0.0005),
), key=lambda category: category.code))  # fmt: skip

BY_NAME: dict[str, int] = {category.name: index for index, category in enumerate(CATEGORIES)}

BRANDS = (
    "Marigold", "Harbour Lane", "Silverleaf", "Kesari", "Old Mill", "Blue Heron", "Tamarind", "Northfold", "Lotus Gate",
    "Fern & Co", "Sunbird", "Daily Basket", "Copperpot", "Monsoon", "Hillside", "Pepper Tree", "Banyan", "Clearwater",
)  # fmt: skip
VARIETIES = (
    "Classic", "Family", "Premium", "Light", "Mild", "Original", "Golden", "Select", "Organic", "Value", "Special", "Mini",
)  # fmt: skip
