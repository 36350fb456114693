"""Municípios of Mato Grosso where simulated agents work, with the real position of each and streets of its town."""

from typing import Final

import msgspec


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A município: its IBGE code, its name, and the middle of its town in degrees (WGS 84)."""

    municipio: str
    name: str
    slug: str
    longitude: float
    latitude: float
    districts: tuple[str, ...]


PLACES: Final = {
    place.municipio: place
    for place in (
        Place(
            municipio="5103403",
            name="Cuiabá",
            slug="cuiaba",
            longitude=-56.0974,
            latitude=-15.6010,
            districts=("CPA II", "Pedra 90", "Coxipó", "Dom Aquino", "Jardim Vitória"),
        ),
        Place(
            municipio="5108402",
            name="Várzea Grande",
            slug="varzea-grande",
            longitude=-56.1325,
            latitude=-15.6467,
            districts=("Cristo Rei", "Centro-Sul", "Mapim", "Jardim Glória"),
        ),
        Place(
            municipio="5107602",
            name="Rondonópolis",
            slug="rondonopolis",
            longitude=-54.6372,
            latitude=-16.4673,
            districts=("Vila Operária", "Sagrada Família", "Jardim Atlântico", "Vila Aurora"),
        ),
        Place(
            municipio="5107909",
            name="Sinop",
            slug="sinop",
            longitude=-55.5091,
            latitude=-11.8604,
            districts=("Jardim Imperial", "Setor Industrial", "Jardim Botânico", "Boa Esperança"),
        ),
        Place(
            municipio="5102504",
            name="Cáceres",
            slug="caceres",
            longitude=-57.6818,
            latitude=-16.0764,
            districts=("Cavalhada", "Vila Mariana", "Centro", "Jardim Padre Paulo"),
        ),
        Place(
            municipio="5107925",
            name="Sorriso",
            slug="sorriso",
            longitude=-55.7211,
            latitude=-12.5425,
            districts=("Bela Vista", "Centro", "Jardim Amazônia", "Rota do Sol"),
        ),
    )
}

STREETS: Final = (
    "Rua das Acácias",
    "Rua Barão de Melgaço",
    "Avenida Brasil",
    "Rua Marechal Rondon",
    "Travessa dos Ipês",
    "Rua Quinze de Novembro",
    "Avenida dos Imigrantes",
    "Rua Dom Bosco",
)
