"""The pages, one module each."""

from fastapi import APIRouter

from worker.web.pages import clusters, compare, live, reference, search, system, thumbnails

router = APIRouter(include_in_schema=False)
for _page in (clusters, compare, live, reference, search, system, thumbnails):
    router.include_router(_page.router)
