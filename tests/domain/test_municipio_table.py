"""The table of municípios is the real one."""

from techdengue.domain.geo import MATO_GROSSO
from techdengue.domain.municipios import MUNICIPIOS


def check_digit(code: str) -> int:
    """IBGE's: weights 1 and 2 by turns, the digits of each product added, what is missing to a multiple of ten."""
    products = [int(digit) * (1 + index % 2) for index, digit in enumerate(code[:6])]
    return -sum(product // 10 + product % 10 for product in products) % 10


def test_mato_grosso_has_142_municipios_with_different_names() -> None:
    assert len(MUNICIPIOS) == 142
    assert len(set(MUNICIPIOS.values())) == 142
    assert list(MUNICIPIOS) == sorted(MUNICIPIOS)


def test_every_code_is_of_mato_grosso_and_has_its_check_digit() -> None:
    for code in MUNICIPIOS:
        assert len(code) == 7
        assert code.startswith("51")
        assert int(code[6]) == check_digit(code)


def test_the_capital_the_newest_and_the_largest_are_there() -> None:
    assert MUNICIPIOS["5103403"] == "Cuiabá"
    assert MUNICIPIOS["5101837"] == "Boa Esperança do Norte"
    assert MUNICIPIOS["5108402"] == "Várzea Grande"
    assert MUNICIPIOS["5107602"] == "Rondonópolis"
    assert MUNICIPIOS["5107909"] == "Sinop"


def test_every_name_is_clean_portuguese() -> None:
    for name in MUNICIPIOS.values():
        assert name == name.strip()
        assert all(letter.isalpha() or letter in " '" for letter in name)


def test_the_bounds_hold_the_capital_and_not_its_neighbours() -> None:
    assert MATO_GROSSO.contains(-56.0974, -15.6010)
    assert not MATO_GROSSO.contains(-54.6201, -20.4697)
    assert not MATO_GROSSO.contains(-49.2648, -16.6869)
